// Top-k, then nucleus: the filter (key, id) below which a masked row's tokens are not drawn.
//
// Nucleus keeps tokens in falling order while the running sum of their probabilities stays at or
// below top_p; the token that crosses it is left out unless the step keeps it (as most published
// samplers do), the largest is always kept. The mask token is no candidate. Instead of
// sorting, the crossing token is found byte by byte from histograms of the sort key, ties by id.
// Masses are integers, so the result does not depend on the order of summation. One workgroup a
// row. Source: Holtzman et al., 2020, as used in the BD3-LM samplers.

override V: u32;             // vocabulary
override STRIDE: u32;        // columns of logits, a multiple of 4
override MASK: u32;          // the mask token's id

@group(0) @binding(0) var<storage, read> logits: array<f32>;                // [R, STRIDE]
@group(0) @binding(1) var<storage, read> masked: array<u32>;                // [R]
@group(0) @binding(2) var<uniform> step: Step;
@group(0) @binding(3) var<storage, read_write> limits: array<vec2<u32>>;    // [T]

const ONE = 2147483648.0;    // the mass of probability 1
const KEEP_ALL = vec2(0u, 0xffffffffu);

var<workgroup> counts: array<atomic<u32>, 256>;
var<workgroup> masses: array<atomic<u32>, 256>;
var<workgroup> crossing: vec2<u32>;  // sort key and inverted id, as far as found
var<workgroup> above: vec2<u32>;     // count and mass of the tokens above it
var<workgroup> in_bin: u32;          // tokens that share what is found, 0 if nothing crosses

@compute @workgroup_size(LANES)
fn threshold(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = masked[group.x];
    if (t == NO_CELL) {
        return;
    }
    let row = group.x * STRIDE;
    var highest = NEVER;
    for (var v = lane; v < V; v += LANES) {
        highest = select(max(highest, logits[row + v]), highest, v == MASK);
    }
    highest = maximum(highest, lane);
    var limit = KEEP_ALL;
    if (step.top_k > 0u) {
        limit = find(row, limit, highest, 0.0, step.top_k, 0u, lane);
    }
    if (step.top_p < 1.0) {
        var sum = 0.0;
        for (var v = lane; v < V; v += LANES) {
            if (v != MASK && passes(logits[row + v], v, limit)) {
                sum += exp((logits[row + v] - highest) * step.inverse_temperature);
            }
        }
        let scale = ONE / total(sum, lane);
        let budget = u32(max(step.top_p, 0.0) * ONE);
        limit = find(row, limit, highest, scale, 0u, budget, lane);
    }
    if (lane == 0u) {
        limits[t] = limit;
    }
}

// The filter that keeps `count` tokens, or tokens up to the mass `budget` where count is 0,
// among those that pass `limit` already.
fn find(
    row: u32, limit: vec2<u32>, highest: f32, scale: f32, count: u32, budget: u32, lane: u32,
) -> vec2<u32> {
    workgroupBarrier();
    if (lane == 0u) {
        crossing = vec2(0u);
        above = vec2(0u);
    }
    for (var round = 0u; round < 7u; round++) {
        for (var bin = lane; bin < 256u; bin += LANES) {
            atomicStore(&counts[bin], 0u);
            atomicStore(&masses[bin], 0u);
        }
        let found = workgroupUniformLoad(&crossing);
        for (var v = lane; v < V; v += LANES) {
            let x = logits[row + v];
            let parts = vec2(sort_key(x), 0xffffffu - v);
            if (v != MASK && passes(x, v, limit) && agree(parts, found, round)) {
                let bin = digit(parts, round);
                let mass = u32(exp((x - highest) * step.inverse_temperature) * scale + 0.5);
                atomicAdd(&counts[bin], 1u);
                atomicAdd(&masses[bin], mass);
            }
        }
        workgroupBarrier();
        if (lane == 0u) {
            choose_bin(round, count, budget);
        }
        let left = workgroupUniformLoad(&in_bin);
        if (left == 0u) {
            return limit;
        }
        // Without ties the key is enough.
        if (round == 3u && left == 1u) {
            break;
        }
    }
    let found = workgroupUniformLoad(&crossing);
    let n_above = workgroupUniformLoad(&above).x;
    let keep_it = count > 0u || n_above == 0u || step.keeps_crossing == 1u;
    let tied_by_id = workgroupUniformLoad(&in_bin) == 1u && found.y == 0u;
    if (tied_by_id) {
        return vec2(found.x, select(0u, 0xffffffffu, keep_it));
    }
    return vec2(found.x, 0xffffffu - found.y + select(0u, 1u, keep_it));
}

// Walks the bins from the top to the one that crosses; called by one lane.
fn choose_bin(round: u32, count: u32, budget: u32) {
    in_bin = 0u;
    for (var bin = 256u; bin > 0u; bin--) {
        let n = atomicLoad(&counts[bin - 1u]);
        let mass = atomicLoad(&masses[bin - 1u]);
        let crosses = select(above.y + mass > budget, above.x + n >= count, count > 0u);
        if (n > 0u && crosses) {
            in_bin = n;
            if (round < 4u) {
                crossing.x |= (bin - 1u) << (24u - 8u * round);
            } else {
                crossing.y |= (bin - 1u) << (16u - 8u * (round - 4u));
            }
            return;
        }
        above += vec2(n, mass);
    }
}

// Byte number `round` of (key, inverted id), highest first.
fn digit(parts: vec2<u32>, round: u32) -> u32 {
    if (round < 4u) {
        return (parts.x >> (24u - 8u * round)) & 255u;
    }
    return (parts.y >> (16u - 8u * (round - 4u))) & 255u;
}

// True if the bytes before number `round` are those found.
fn agree(parts: vec2<u32>, found: vec2<u32>, round: u32) -> bool {
    if (round == 0u) {
        return true;
    }
    if (round < 4u) {
        return parts.x >> (32u - 8u * round) == found.x >> (32u - 8u * round);
    }
    let shift = 24u - 8u * (round - 4u);
    return parts.x == found.x && parts.y >> shift == found.y >> shift;
}
