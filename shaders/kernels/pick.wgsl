// The token of each cell: the likeliest, or one drawn from the softmax of the tokens that pass the
// filter, by the inverse of its cumulative distribution in the order of ids: the first token whose
// running sum is above u. The numbers u are given, or made of the cell's random bits. One workgroup per
// row, each lane with a run of ids. Source: the samplers of SSD-LM.

override V: u32;             // tokens that may be drawn
override STRIDE: u32;        // columns of logits
override FIRST: u32;         // the cell of the first row
override GREEDY: bool;       // take the likeliest
override FILTERED: bool;     // limits hold a filter
override GIVEN: bool;        // uniforms are given

@group(0) @binding(0) var<storage, read> logits: array<f32>;            // [R, STRIDE]
@group(0) @binding(1) var<storage, read> keys: array<vec4<u32>>;        // [T]
@group(0) @binding(2) var<storage, read> limits: array<vec2<u32>>;      // [T]
@group(0) @binding(3) var<storage, read> uniforms: array<f32>;          // [T]
@group(0) @binding(4) var<uniform> step: Step;
@group(0) @binding(5) var<storage, read_write> chosen: array<u32>;      // [T]

var<workgroup> sums: array<f32, LANES>;      // of a lane's run of ids; GREEDY: its highest logit
var<workgroup> owner: u32;                   // the lane that has the token
var<workgroup> sought: f32;                  // the part of its sum that is before the token

@compute @workgroup_size(LANES)
fn pick(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = FIRST + group.x;
    let row = group.x * STRIDE;
    let limit = limits[t];
    let run = (V + LANES - 1u) / LANES;
    let begin = lane * run;
    let end = min(begin + run, V);
    var own = NEVER;
    for (var v = begin; v < end; v++) {
        own = max(own, logits[row + v]);
    }
    let highest = maximum(own, lane);
    if (!GREEDY) {
        own = 0.0;
        for (var v = begin; v < end; v++) {
            own += mass(row, v, limit, highest);
        }
    }
    sums[lane] = own;
    workgroupBarrier();
    if (lane == 0u) {
        find_owner(t, highest);
    }
    workgroupBarrier();
    if (lane != owner) {
        return;
    }
    // Where rounding leaves nothing above u, the last token that may be drawn.
    var token = 0u;
    var sum = 0.0;
    for (var v = begin; v < end; v++) {
        if (GREEDY) {
            if (logits[row + v] == highest) {
                token = v;
                break;
            }
            continue;
        }
        let p = mass(row, v, limit, highest);
        sum += p;
        token = select(token, v, p > 0.0);
        if (sum > sought) {
            break;
        }
    }
    chosen[t] = token;
}

// The first lane whose run has the token; called by one lane.
fn find_owner(t: u32, highest: f32) {
    var all = 0.0;
    var last = 0u;           // lane with anything to draw
    for (var i = 0u; i < LANES; i++) {
        if (GREEDY && sums[i] == highest) {
            owner = i;
            return;
        }
        all += sums[i];
        last = select(last, i, sums[i] > 0.0);
    }
    var u = (f32(row_bits(keys[t], step.step, FOR_TOKENS).x) + 0.5) * 0x1p-32;
    if (GIVEN) {
        u = uniforms[t];
    }
    var left = u * all;
    for (var i = 0u; i <= last; i++) {
        if (sums[i] > left || i == last) {
            owner = i;
            sought = left;
            return;
        }
        left -= sums[i];
    }
}

// What a token weighs, 0 if it may not be drawn.
fn mass(row: u32, v: u32, limit: vec2<u32>, highest: f32) -> f32 {
    let l = logits[row + v];
    if (FILTERED && !passes(l, v, limit)) {
        return 0.0;
    }
    return exp(l - highest);
}
