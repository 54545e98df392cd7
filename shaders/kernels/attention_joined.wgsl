// Attention for GPUs, few rows, all keys in one workgroup: four query rows of one head, 4 * LANES keys
// at a time, online softmax in f32. What the lanes find is joined in workgroup memory, so that no
// other dispatch has to. A lane loads two keys at once, which share a read of the queries.
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
override KEYS: u32;          // 4 * LANES

const PARTS = 16u;           // lanes that look at all lanes' numbers

var<workgroup> queries: array<vec4<f32>, D>;         // [4, D]
var<workgroup> scores: array<vec4<f32>, KEYS>;       // of the four rows; then sums, [4, LANES]
var<workgroup> slots: array<u32, KEYS>;
var<workgroup> met: array<vec4<f32>, PARTS>;

@compute @workgroup_size(LANES)
fn attention_joined(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tiles = (GROUP + 3u) / 4u;
    let in_group = group.x % tiles * 4u;
    let t0 = group.x / tiles * GROUP + in_group;
    let rows = min(4u, GROUP - in_group);
    let key_head = group.y / (H / G);
    let places = begin_tile(4u, D / 4u, t0, rows, group.y, lane);
    let channels = lane % (D / 8u);
    var highest = vec4(NEVER);
    var weight = vec4(0.0);
    var a = Eight(vec4(0.0), vec4(0.0));
    var b = a;
    var c = a;
    var d = a;
    for (var at = 0u; at < places.w; at += KEYS) {
        var score = scores_of(at + lane, key_head, places);
        scores[lane] = max(max(score[0], score[1]), max(score[2], score[3]));
        workgroupBarrier();
        let top = max(highest, highest_of(lane));
        let fade = exp(highest - top);
        highest = top;
        weight *= fade;
        for (var j = 0u; j < 4u; j++) {
            // NaN stays NaN.
            let p = select(exp(score[j] - top), vec4(0.0), score[j] == vec4(NEVER));
            weight += p;
            scores[j * LANES + lane] = p;
            slots[j * LANES + lane] = slot(at + j * LANES + lane, places);
        }
        workgroupBarrier();
        a = scaled(a, fade.x);
        b = scaled(b, fade.y);
        c = scaled(c, fade.z);
        d = scaled(d, fade.w);
        let n = min(KEYS, places.w - at);
        for (var i = lane / (D / 8u); i < n; i += LANES / (D / 8u)) {
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
    let first = 2u * (t0 * H + group.y) * (D / 8u);
    store(mat4x4(a.lo, b.lo, c.lo, d.lo), weight, lane, rows, first);
    store(mat4x4(a.hi, b.hi, c.hi, d.hi), weight, lane, rows, first + 1u);
}

// Of the four rows with four keys, LANES apart from `key` on.
fn scores_of(key: u32, key_head: u32, places: vec4<u32>) -> mat4x4<f32> {
    let near = pair_of(key, key_head, places);
    let far = pair_of(key + 2u * LANES, key_head, places);
    return mat4x4(near[0], near[1], far[0], far[1]);
}

fn pair_of(key: u32, key_head: u32, places: vec4<u32>) -> mat2x4<f32> {
    var sums: mat2x4<f32>;
    if (key < places.w) {
        let k0 = cached(key_head, slot(key, places));
        let k1 = cached(key_head, slot(key + LANES, places));
        for (var i = 0u; i < D / 8u; i++) {
            let low = four_queries(2u * i);
            let high = four_queries(2u * i + 1u);
            sums[0] += multiplied(key8(k0 + i), low, high);
            sums[1] += multiplied(key8(k1 + i), low, high);
        }
    }
    return mat2x4(visible(sums[0], key, places), visible(sums[1], key + LANES, places));
}

// Vector i of each row, a row a column.
fn four_queries(i: u32) -> mat4x4<f32> {
    let row = D / 4u;
    return mat4x4(queries[i], queries[i + row], queries[i + 2u * row], queries[i + 3u * row]);
}

fn multiplied(k: Eight, low: mat4x4<f32>, high: mat4x4<f32>) -> vec4<f32> {
    return k.lo * low + k.hi * high;
}

// The scores of the rows that see a key.
fn visible(score: vec4<f32>, key: u32, places: vec4<u32>) -> vec4<f32> {
    let is_seen = vec4(
        sees(0u, key, places),
        sees(1u, key, places),
        sees(2u, key, places),
        sees(3u, key, places),
    );
    return select(vec4(NEVER), score, is_seen);
}
