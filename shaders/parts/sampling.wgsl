// Joined to the sampler's kernels: the uniform of a step, and their random bits.
//
// Provides: Step, BY_BITS, BY_POSITION, BY_CONFIDENCE, BY_ENTROPY, BY_MARGIN, BY_SCORE, Partial
// Provides: NONE, AT_LEAST, ABOVE, SUM_BEFORE, SUM_THROUGH, NO_CELL, FOR_TOKENS, FOR_ORDER, FOR_NOISE
// Provides: row_bits(key, step, purpose), sort_key(x), passes(x, id, limit)

// Layout as sample::StepUniform in Rust; a test compares the two.
struct Step {
    step: u32,                   // reveal decision within the block
    open_count: u32,             // masked cells to open, the first of the order
    open_below: u32,             // and those whose random bits are below this
    top_k: u32,                  // tokens kept, 0 = all
    top_p: f32,                  // nucleus mass, 1 = all
    inverse_temperature: f32,
    noise: f32,                  // 1 = draw, 0 = take the likeliest token
    order: u32,                  // what ranks masked cells, BY_...
    bound: f32,                  // of the test; BY_SCORE: log of opening probability per score
    test: u32,                   // which cells open beside the first: NONE, AT_LEAST, ...
    leftmost: u32,               // 1 = the first are the leftmost, unless as many pass the test
    measured: f32,               // what logits are multiplied with before they are measured
    measures_kept: u32,          // 1 = of the filtered distribution, 0 = of all tokens
    keeps_crossing: u32,         // 1 = nucleus keeps the token that crosses top_p
    signal: f32,                 // of a simplex: what its clean state is multiplied with
    spread: f32,                 // of a simplex: deviation of its noise
}

// What ranks masked cells, the first to open first.
const BY_BITS = 0u;              // random bits, rising
const BY_POSITION = 1u;          // rising
const BY_CONFIDENCE = 2u;        // probability of the drawn token, falling
const BY_ENTROPY = 3u;           // of the measured distribution, rising
const BY_MARGIN = 4u;            // between the two highest probabilities, falling
const BY_SCORE = 5u;             // random bits, against the sum of the tokens' scores

// Which cells open beside the first of the order.
const NONE = 0u;
const AT_LEAST = 1u;             // BY_CONFIDENCE: those as likely as the bound
const ABOVE = 2u;                // BY_CONFIDENCE: those likelier than it
const SUM_BEFORE = 3u;           // BY_ENTROPY: while those before sum to at most it
const SUM_THROUGH = 4u;          // BY_ENTROPY: while the sum with their own is below it

// A draw over part of the vocabulary.
struct Partial {
    highest: f32,            // measured logit
    second: f32,             // second-highest logit
    sum: f32,                // of exp(l - highest)
    moment: f32,             // of exp(l - highest) * (l - highest)
    score: f32,              // of the drawn token
    token: u32,
    logit: f32,              // of the drawn token, measured
}

// Stands for a row of logits that belongs to no masked cell.
const NO_CELL = 0xffffffffu;

// Purposes of random bits, so that none are used twice.
const FOR_TOKENS = 0u;
const FOR_ORDER = 1u;
const FOR_NOISE = 1u;            // of a simplex, whose cells have no order

// Random bits of a row at a step. key: (seed low, seed high, position, unused).
fn row_bits(key: vec4<u32>, step: u32, purpose: u32) -> vec4<u32> {
    return pcg4d(vec4(key.xyz, 2u * step + purpose));
}

// An unsigned integer that sorts as the float does.
fn sort_key(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

// True if a token passes the filter (key, id): those of higher key, then those of lower id.
fn passes(x: f32, id: u32, limit: vec2<u32>) -> bool {
    let key = sort_key(x);
    return key > limit.x || (key == limit.x && id < limit.y);
}
