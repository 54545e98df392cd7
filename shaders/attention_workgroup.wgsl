// Attention without subgroups: one query row of one head per workgroup, LANES keys at a time.
//
// Spans as in attention_outer: a row sees cache slots [x, y) and [z, w). Softmax is online, in
// f32. For the values the lanes form LANES / (D/4) teams; lane d of a team owns channels 4d ..
// and the teams share the keys out among them.

override C: u32;             // channels
override D: u32;             // head width, a multiple of 4; D/4 divides LANES
override SCALE: f32;         // 1 / sqrt(D)
override LANES: u32;

@group(0) @binding(0) var<storage, read> q: array<vec4<f32>>;             // [T, C]
@group(0) @binding(1) var<storage, read> k_cache: array<vec4<f32>>;       // [S, C]
@group(0) @binding(2) var<storage, read> v_cache: array<vec4<f32>>;       // [S, C]
@group(0) @binding(3) var<storage, read> spans: array<vec4<u32>>;         // [T]
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;       // [T, C]

var<workgroup> scores: array<f32, LANES>;
var<workgroup> slots: array<u32, LANES>;
var<workgroup> sums: array<vec4<f32>, LANES>;

@compute @workgroup_size(LANES)
fn attention_workgroup(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = group.x;
    let width = C / 4u;
    let head = group.y * (D / 4u);
    let span = spans[t];
    let n_first = span.y - span.x;
    let n_keys = n_first + span.w - span.z;
    let team = lane / (D / 4u);
    let channel = lane % (D / 4u);
    let teams = LANES / (D / 4u);
    var highest = NEVER;
    var weight = 0.0;
    var value = vec4(0.0);
    for (var at = 0u; at < n_keys; at += LANES) {
        let key = at + lane;
        let slot = select(key - n_first + span.z, key + span.x, key < n_first);
        var score = NEVER;
        if (key < n_keys) {
            score = 0.0;
            for (var d = 0u; d < D / 4u; d++) {
                score += dot(q[t * width + head + d], k_cache[slot * width + head + d]);
            }
            score *= SCALE;
        }
        workgroupBarrier();
        scores[lane] = score;
        slots[lane] = slot;
        workgroupBarrier();
        let n = min(LANES, n_keys - at);
        var top = highest;
        for (var i = 0u; i < n; i++) {
            top = max(top, scores[i]);
        }
        let fade = exp(highest - top);
        highest = top;
        weight *= fade;
        value *= fade;
        for (var i = 0u; i < n; i++) {
            weight += exp(scores[i] - top);
        }
        for (var i = team; i < n; i += teams) {
            value += exp(scores[i] - top) * v_cache[slots[i] * width + head + channel];
        }
    }
    sums[lane] = value;
    workgroupBarrier();
    if (lane < D / 4u) {
        var sum = vec4(0.0);
        for (var i = lane; i < LANES; i += D / 4u) {
            sum += sums[i];
        }
        y[t * width + head + lane] = sum / weight;
    }
}
