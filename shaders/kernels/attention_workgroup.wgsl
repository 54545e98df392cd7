// Attention without subgroups: one query row of one head per workgroup, LANES keys at a time.
//
// Spans as in attention_outer: a row sees cache slots [x, y) and [z, w). Softmax is online, in
// f32. For the values the lanes form LANES / (D/8) teams; lane d of a team owns channels 8d ..
// and the teams share the keys out among them.

override H: u32;             // query heads
override G: u32;             // key heads: each serves H / G neighbouring query heads
override D: u32;             // head width, a multiple of 8; D/8 divides LANES
override SCALE: f32;         // of scores: 1 / sqrt(the head width of the network)
override LANES: u32;

var<workgroup> scores: array<f32, LANES>;
var<workgroup> slots: array<u32, LANES>;
var<workgroup> low: array<vec4<f32>, LANES>;
var<workgroup> high: array<vec4<f32>, LANES>;

@compute @workgroup_size(LANES)
fn attention_workgroup(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = group.x;
    let width = H * D / 8u;
    let head = group.y;
    let key_head = head / (H / G);
    let span = spans[t];
    let n_first = span.y - span.x;
    let n_keys = n_first + span.w - span.z;
    let team = lane / (D / 8u);
    let teams = LANES / (D / 8u);
    let channels = lane % (D / 8u);
    var highest = NEVER;
    var weight = 0.0;
    var value = Eight(vec4(0.0), vec4(0.0));
    for (var at = 0u; at < n_keys; at += LANES) {
        let key = at + lane;
        let slot = select(key - n_first + span.z, key + span.x, key < n_first);
        var score = NEVER;
        if (key < n_keys) {
            score = SCALE * product(t * width + head * (D / 8u), cached(key_head, slot));
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
        value.lo *= fade;
        value.hi *= fade;
        for (var i = 0u; i < n; i++) {
            weight += exp(scores[i] - top);
        }
        for (var i = team; i < n; i += teams) {
            let p = exp(scores[i] - top);
            let v = value8(cached(key_head, slots[i]) + channels);
            value.lo += p * v.lo;
            value.hi += p * v.hi;
        }
    }
    low[lane] = value.lo;
    high[lane] = value.hi;
    workgroupBarrier();
    if (lane < D / 8u) {
        var sum = Eight(vec4(0.0), vec4(0.0));
        for (var i = lane; i < LANES; i += D / 8u) {
            sum.lo += low[i];
            sum.hi += high[i];
        }
        let at = 2u * (t * width + head * (D / 8u) + channels);
        set_y4(at, sum.lo / weight);
        set_y4(at + 1u, sum.hi / weight);
    }
}

// Of a query and a key; indices count groups of eight channels.
fn product(query: u32, key: u32) -> f32 {
    var sum = 0.0;
    for (var d = 0u; d < D / 8u; d++) {
        let k = key8(key + d);
        let q = query8(query + d);
        sum += dot(q.lo, k.lo) + dot(q.hi, k.hi);
    }
    return sum;
}
