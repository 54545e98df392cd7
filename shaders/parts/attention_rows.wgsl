// Joined to attention_outer: half of a tile's rows, and what is done for each of them.
//
// Provides: Rows, Scores, Keys, add_products(score, n, q, first, k), visible_to(seen, keys)
// Provides: join_spans(begin, end), keys_at(at, lane, places), weigh(rows, score, n, keys)
// Provides: place_of(places, j, is_upper), add_values(rows, weights, n, values, is_upper)
// Provides: join_halves(rows, n)
// Needs: LANES, SCALE

// Up to eight rows: drivers unroll loops of 8, and keep arrays of 8 in registers.
struct Rows {
    span: vec4<u32>,                 // of this lane's row
    highest: array<f32, 8>,          // of the scores so far, per row
    weight: array<f32, 8>,           // sum of exp(score - highest) over this lane's keys
    low: array<vec4<f32>, 8>,        // weighted values, channels 8 * (lane % 8) ..
    high: array<vec4<f32>, 8>,       // channels 8 * (lane % 8) + 4 ..
}

// Of eight rows with this lane's four keys of a chunk; later the keys' weights.
alias Scores = array<vec4<f32>, 8>;

// This lane's keys of a chunk.
struct Keys {
    slot: vec4<u32>,
    is_first: vec4<bool>,            // in the first span
    is_there: vec4<bool>,
}

// Where the union of the lanes' spans begins, the keys of the first, and all keys.
fn join_spans(begin: vec4<u32>, end: vec4<u32>) -> vec4<u32> {
    let at = vec2(subgroupMin(begin.x), subgroupMin(begin.z));
    let n_first = subgroupMax(end.y) - at.x;
    return vec4(at, n_first, n_first + subgroupMax(end.w) - at.y);
}

// This lane's keys of the chunk that begins with key `at` of the union.
fn keys_at(at: u32, lane: u32, places: vec4<u32>) -> Keys {
    let key = at + lane + LANES * vec4(0u, 1u, 2u, 3u);
    let kept = min(key, vec4(places.w - 1u));
    let in_first = kept < vec4(places.z);
    let slot = select(kept - places.z + places.y, kept + places.x, in_first);
    return Keys(slot, key < vec4(places.z), key < vec4(places.w));
}

// Adds the products of the rows that lanes from `first` on have in q with this lane's keys.
fn add_products(
    score: ptr<function, Scores>,
    n: u32,
    q: vec4<f32>,
    first: u32,
    k: mat4x4<f32>,
) {
    for (var r = 0u; r < n; r++) {
        (*score)[r] += subgroupShuffle(q, first + r) * k;
    }
}

// Which of this lane's keys a row with these spans sees.
fn visible_to(seen: vec4<u32>, keys: Keys) -> vec4<bool> {
    let first = (keys.slot >= vec4(seen.x)) & (keys.slot < vec4(seen.y));
    let second = (keys.slot >= vec4(seen.z)) & (keys.slot < vec4(seen.w));
    return select(second, first, keys.is_first) & keys.is_there;
}

// Scores become weights; what was summed before fades if a higher score came.
fn weigh(rows: ptr<function, Rows>, score: ptr<function, Scores>, n: u32, keys: Keys) {
    for (var r = 0u; r < n; r++) {
        let visible = visible_to(subgroupShuffle((*rows).span, r), keys);
        let s = select(vec4(NEVER), (*score)[r] * SCALE, visible);
        let top = max((*rows).highest[r], subgroupMax(max(max(s.x, s.y), max(s.z, s.w))));
        let p = select(vec4(0.0), exp(s - top), visible);
        let fade = exp((*rows).highest[r] - top);
        (*rows).highest[r] = top;
        (*rows).weight[r] = (*rows).weight[r] * fade + p.x + p.y + p.z + p.w;
        (*rows).low[r] *= fade;
        (*rows).high[r] *= fade;
        (*score)[r] = p;
    }
}

// Where the key of lane j begins, for the upper lanes that of lane j + 8.
fn place_of(places: u32, j: u32, is_upper: bool) -> u32 {
    let place = subgroupShuffle(places, j);
    if (LANES == 8u) {
        return place;
    }
    return select(place, subgroupShuffle(places, j + 8u), is_upper);
}

// And its weight.
fn weight_of(weights: f32, j: u32, is_upper: bool) -> f32 {
    let weight = subgroupShuffle(weights, j);
    if (LANES == 8u) {
        return weight;
    }
    return select(weight, subgroupShuffle(weights, j + 8u), is_upper);
}

// Adds the values of the keys that lanes have in component x. Row by row, so that the row's sums
// stay in registers.
fn add_values(
    rows: ptr<function, Rows>,
    weights: ptr<function, Scores>,
    n: u32,
    values: ptr<function, array<Eight, 8>>,
    is_upper: bool,
) {
    for (var r = 0u; r < n; r++) {
        var low = (*rows).low[r];
        var high = (*rows).high[r];
        for (var j = 0u; j < 8u; j++) {
            let p = weight_of((*weights)[r].x, j, is_upper);
            low += p * (*values)[j].lo;
            high += p * (*values)[j].hi;
        }
        (*rows).low[r] = low;
        (*rows).high[r] = high;
    }
}

// Adds what the upper lanes summed to what the lower ones did.
fn join_halves(rows: ptr<function, Rows>, n: u32) {
    if (LANES == 8u) {
        return;
    }
    for (var r = 0u; r < n; r++) {
        (*rows).low[r] += subgroupShuffleXor((*rows).low[r], 8u);
        (*rows).high[r] += subgroupShuffleXor((*rows).high[r], 8u);
    }
}
