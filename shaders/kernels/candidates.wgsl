// The COUNT likeliest tokens of each masked row with their probabilities under the model
// (temperature 1, no filter), likeliest first, ties by id. For watched runs. One workgroup a row.

override V: u32;             // tokens that may be drawn, the mask token apart
override COUNTED: u32;       // tokens that have a share of the distribution
override STRIDE: u32;        // columns of logits
override MASK: u32;          // the mask token's id; it is no candidate
override MASK_COUNTS: bool;  // whether it has a share of the distribution
override COUNT: u32;         // candidates per row

struct Candidate {
    token: u32,
    probability: f32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;                // [R, STRIDE]
@group(0) @binding(1) var<storage, read> masked: array<u32>;                // [R]
@group(0) @binding(2) var<storage, read_write> top: array<Candidate>;       // [T, COUNT]

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
    if (lane == 0u) {
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
            top[t * COUNT + n] = Candidate(token, exp(best - highest) / sum);
        }
    }
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
