// Attention for GPUs, few rows: four query rows of one head and one share of their keys per
// workgroup, LANES keys at a time, online softmax in f32. Shares keep a GPU busy that the few rows
// of a block would not; attention_merge joins what they find.
//
// Spans as in attention_outer; a tile runs over the union of its rows' spans. For the values the
// lanes form LANES / (D/8) teams; lane d of a team owns channels 8d .. and the teams share the keys
// out among them.

override H: u32;             // query heads
override G: u32;             // key heads: each serves H / G neighbouring query heads
override D: u32;             // head width, a multiple of 8; D/8 divides LANES
override GROUP: u32;         // consecutive rows that share a cache region
override SCALE: f32;         // of scores: 1 / sqrt(the head width of the network)
override LANES: u32;
override SHARES: u32;        // of the keys, whose sums go to y, [T, SHARES, H, D + 4]

const PARTS = 8u;            // lanes that look at all scores

var<workgroup> queries: array<vec4<f32>, D>;         // [4, D]
var<workgroup> scores: array<vec4<f32>, LANES>;      // of the four rows, then their exponentials
var<workgroup> slots: array<u32, LANES>;
var<workgroup> met: array<vec4<f32>, PARTS>;
var<workgroup> low: array<vec4<f32>, LANES>;
var<workgroup> high: array<vec4<f32>, LANES>;

@compute @workgroup_size(LANES)
fn attention_split(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tiles = (GROUP + 3u) / 4u;
    let in_group = group.x % tiles * 4u;
    let t0 = group.x / tiles * GROUP + in_group;
    let rows = min(4u, GROUP - in_group);
    let head = group.y;
    let key_head = head / (H / G);
    let places = begin_tile(4u, D / 4u, t0, rows, head, lane);
    let share = (places.w + SHARES * LANES - 1u) / (SHARES * LANES) * LANES;
    let end = min(places.w, (group.z + 1u) * share);
    let channels = lane % (D / 8u);
    var highest = vec4(NEVER);
    var weight = vec4(0.0);
    var a = Eight(vec4(0.0), vec4(0.0));
    var b = a;
    var c = a;
    var d = a;
    for (var at = group.z * share; at < end; at += LANES) {
        let key = min(at + lane, end - 1u);
        let found = products(cached(key_head, slot(key, places)));
        let visible = vec4(
            sees(0u, key, places),
            sees(1u, key, places),
            sees(2u, key, places),
            sees(3u, key, places),
        );
        let score = select(vec4(NEVER), found, visible & vec4(at + lane < end));
        scores[lane] = score;
        slots[lane] = slot(key, places);
        workgroupBarrier();
        let top = max(highest, highest_of(lane));
        let p = select(exp(score - top), vec4(0.0), score == vec4(NEVER));   // NaN stays NaN
        scores[lane] = p;
        workgroupBarrier();
        let fade = exp(highest - top);
        highest = top;
        weight = weight * fade + p;
        a = scaled(a, fade.x);
        b = scaled(b, fade.y);
        c = scaled(c, fade.z);
        d = scaled(d, fade.w);
        for (var i = lane / (D / 8u); i < LANES; i += LANES / (D / 8u)) {
            let v = value8(cached(key_head, slots[i]) + channels);
            let by = scores[i];
            a = Eight(a.lo + by.x * v.lo, a.hi + by.x * v.hi);
            b = Eight(b.lo + by.y * v.lo, b.hi + by.y * v.hi);
            c = Eight(c.lo + by.z * v.lo, c.hi + by.z * v.hi);
            d = Eight(d.lo + by.w * v.lo, d.hi + by.w * v.hi);
        }
        workgroupBarrier();
    }
    scores[lane] = weight;
    workgroupBarrier();
    weight = total_of(lane);
    let place = vec3(t0, head, group.z);
    finish(a, vec2(highest.x, weight.x), lane, place, rows > 0u);
    finish(b, vec2(highest.y, weight.y), lane, place + vec3(1u, 0u, 0u), rows > 1u);
    finish(c, vec2(highest.z, weight.z), lane, place + vec3(2u, 0u, 0u), rows > 2u);
    finish(d, vec2(highest.w, weight.w), lane, place + vec3(3u, 0u, 0u), rows > 3u);
}

// Of a key and the four queries.
fn products(key: u32) -> vec4<f32> {
    var sum = vec4(0.0);
    for (var i = 0u; i < D / 4u; i += 2u) {
        let k = key8(key + i / 2u);
        sum += vec4(
            dot(queries[i], k.lo) + dot(queries[i + 1u], k.hi),
            dot(queries[i + D / 4u], k.lo) + dot(queries[i + D / 4u + 1u], k.hi),
            dot(queries[i + D / 2u], k.lo) + dot(queries[i + D / 2u + 1u], k.hi),
            dot(queries[i + 3u * D / 4u], k.lo) + dot(queries[i + 3u * D / 4u + 1u], k.hi),
        );
    }
    return sum;
}
