// The COUNT likeliest tokens of each masked row with their probabilities under the model
// (temperature 1, no filter), likeliest first, ties by id. And the rank of the drawn token in this
// order, from 1; 0 if none could be drawn. For watched runs. One workgroup a row.

override V: u32;             // tokens that may be drawn, the mask token apart
override COUNTED: u32;       // tokens that have a share of the distribution
override STRIDE: u32;        // columns of logits
override MASK: u32;          // the mask token's id; it is no candidate
override MASK_COUNTS: bool;  // whether it has a share of the distribution
override COUNT: u32;         // candidates per row
override CHUNKS: u32;        // partial draws per row

// Of a cell: the rank, then each candidate's token and the bits of its probability.
@group(0) @binding(0) var<storage, read> logits: array<f32>;                // [R, STRIDE]
@group(0) @binding(1) var<storage, read> masked: array<u32>;                // [R]
@group(0) @binding(2) var<storage, read> partials: array<Partial>;          // [T, CHUNKS]
@group(0) @binding(3) var<storage, read_write> likely: array<u32>;          // [T, 1 + 2 COUNT]

var<workgroup> values: array<f32, LANES>;
var<workgroup> tokens: array<u32, LANES>;
var<workgroup> last: vec2<u32>;      // sort key and id of the candidate found last

@compute @workgroup_size(LANES)
fn candidates(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = masked[group.x];
    if (t == NO_CELL) {
        return;
    }
    let own = t * (1u + 2u * COUNT);
    let rank = rank_of(drawn(t), group.x, lane);
    if (lane == 0u) {
        likely[own] = rank;
        last = vec2(0xffffffffu, 0u);
    }
    var highest = NEVER;
    var sum = 0.0;           // of exp(l - highest), kept by lane 0
    for (var n = 0u; n < COUNT; n++) {
        let after = workgroupUniformLoad(&last);
        var best = NEVER;
        var token = V;
        for (var v = lane; v < V; v += LANES) {
            let l = logits[group.x * STRIDE + v];
            let key = sort_key(l);
            let fresh = key < after.x || (key == after.x && v > after.y);
            if (v != MASK && fresh && (l > best || token == V)) {
                best = l;
                token = v;
            }
        }
        values[lane] = best;
        tokens[lane] = token;
        workgroupBarrier();
        if (lane == 0u) {
            for (var i = 1u; i < LANES; i++) {
                let better = values[i] > best || (values[i] == best && tokens[i] < token);
                best = select(best, values[i], better);
                token = select(token, tokens[i], better);
            }
            last = vec2(sort_key(best), token);
            values[0] = best;
        }
        workgroupBarrier();
        if (n == 0u) {
            highest = values[0];
            workgroupBarrier();
            sum = denominator(group.x, highest, lane);
        }
        if (lane == 0u) {
            likely[own + 1u + 2u * n] = token;
            likely[own + 2u + 2u * n] = bitcast<u32>(exp(best - highest) / sum);
        }
    }
}

// The token that reveal takes: of the highest score, the first of equals.
fn drawn(t: u32) -> u32 {
    var best = partials[t * CHUNKS];
    for (var i = 1u; i < CHUNKS; i++) {
        let other = partials[t * CHUNKS + i];
        if (other.score > best.score) {
            best = other;
        }
    }
    return best.token;
}

// One more than the tokens before this one. Their number is exact as a float.
fn rank_of(token: u32, row: u32, lane: u32) -> u32 {
    let key = sort_key(logits[row * STRIDE + min(token, V - 1u)]);
    var before = 0u;
    for (var v = lane; v < V; v += LANES) {
        let other = sort_key(logits[row * STRIDE + v]);
        let comes_before = other > key || (other == key && v < token);
        before += select(0u, 1u, comes_before && v != MASK);
    }
    return select(0u, u32(total(f32(before), lane)) + 1u, token < V);
}

// The sum of exp(l - highest) over the row.
fn denominator(row: u32, highest: f32, lane: u32) -> f32 {
    var sum = 0.0;
    for (var v = lane; v < COUNTED; v += LANES) {
        if (MASK_COUNTS || v != MASK) {
            sum += exp(logits[row * STRIDE + v] - highest);
        }
    }
    return total(sum, lane);
}
