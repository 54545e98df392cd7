// Gradient of attention's queries: a tile of query rows of one head per workgroup, KEYS keys at a time in
// workgroup memory. Formulas and `stats` as in backward_attention_queries_outer, spans as in
// attention_outer. A row belongs to D / 8 lanes, each with eight of its channels.

override H: u32;             // query heads
override G: u32;             // key heads: each serves H / G neighbouring query heads
override D: u32;             // head width, a multiple of 8
override GROUP: u32;         // consecutive rows that share a cache region
override SCALE: f32;         // of scores: 1 / sqrt(the head width of the network)
override ROWS: u32;          // of a tile
override KEYS: u32;
override LANES: u32;         // ROWS * D / 8
override ROW_VECTORS: u32;   // ROWS * D / 4
override KEY_VECTORS: u32;   // KEYS * D / 4
override SCORES: u32;        // ROWS * (KEYS + 1): each row is padded against bank conflicts

const INPUT = 4u;            // y [T, H * D]

@group(0) @binding(5) var<storage, read> dy: array<vec4<f32>>;              // [T, H * D]
@group(0) @binding(6) var<storage, read_write> stats: array<vec2<f32>>;     // [T, H, 2]
@group(0) @binding(7) var<storage, read_write> dq: array<vec4<f32>>;        // [T, H * D]

var<workgroup> queries: array<vec4<f32>, ROW_VECTORS>;     // [ROWS, D], scaled
var<workgroup> gradients: array<vec4<f32>, ROW_VECTORS>;   // [ROWS, D]
var<workgroup> keys: array<vec4<f32>, KEY_VECTORS>;        // [KEYS, D]
var<workgroup> values: array<vec4<f32>, KEY_VECTORS>;      // [KEYS, D]
var<workgroup> scores: array<f32, SCORES>;                 // [ROWS, KEYS + 1]
var<workgroup> sums: array<f32, LANES>;                    // shares of the deltas
var<workgroup> found: array<vec2<f32>, ROWS>;              // the rows' stats

@compute @workgroup_size(LANES)
fn backward_attention_queries_tiled(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let team = D / 8u;       // lanes of a row
    let tiles = (GROUP + ROWS - 1u) / ROWS;
    let in_group = group.x % tiles * ROWS;
    let t0 = group.x / tiles * GROUP + in_group;
    let n = min(ROWS, GROUP - in_group);
    let row = lane / team;
    let head = group.y;
    let key_head = head / (H / G);
    let places = begin_tile(ROWS, D / 4u, t0, n, head, lane);
    let own = ((t0 + min(row, n - 1u)) * H + head) * (D / 4u) + 2u * (lane % team);
    gradients[2u * lane] = dy[own];
    gradients[2u * lane + 1u] = dy[own + 1u];
    sums[lane] = dot(dy[own], x4(own)) + dot(dy[own + 1u], x4(own + 1u));
    var highest = NEVER;
    var weight = 0.0;
    for (var at = 0u; at < places.w; at += KEYS) {
        stage(key_head, at, places, lane);
        workgroupBarrier();
        for (var i = lane; i < ROWS * KEYS; i += LANES) {
            let r = i / KEYS;
            let visible = sees(r, at + i % KEYS, places);
            let score = product(r, i % KEYS);
            scores[r * (KEYS + 1u) + i % KEYS] = select(NEVER, score, visible);
        }
        workgroupBarrier();
        var top = highest;
        for (var i = 0u; i < KEYS; i++) {
            top = max(top, scores[row * (KEYS + 1u) + i]);
        }
        weight *= exp(highest - top);
        highest = top;
        for (var i = 0u; i < KEYS; i++) {
            let score = scores[row * (KEYS + 1u) + i];
            weight += select(exp(score - top), 0.0, score == NEVER);   // NaN stays NaN
        }
        workgroupBarrier();
    }
    var delta = 0.0;
    for (var i = 0u; i < team; i++) {
        delta += sums[row * team + i];
    }
    if (lane % team == 0u) {
        found[row] = vec2(highest + log(weight), delta);
    }
    var a = vec4(0.0);
    var b = vec4(0.0);
    for (var at = 0u; at < places.w; at += KEYS) {
        stage(key_head, at, places, lane);
        workgroupBarrier();
        for (var i = lane; i < ROWS * KEYS; i += LANES) {
            let r = i / KEYS;
            let visible = sees(r, at + i % KEYS, places);
            let ds = exp(product(r, i % KEYS) - found[r].x) * (gain(r, i % KEYS) - found[r].y);
            scores[r * (KEYS + 1u) + i % KEYS] = select(0.0, ds, visible);
        }
        workgroupBarrier();
        for (var i = 0u; i < KEYS; i++) {
            let score = scores[row * (KEYS + 1u) + i];
            a += score * keys[i * (D / 4u) + 2u * (lane % team)];
            b += score * keys[i * (D / 4u) + 2u * (lane % team) + 1u];
        }
        workgroupBarrier();
    }
    if (row < n) {
        dq[own] = SCALE * a;
        dq[own + 1u] = SCALE * b;
        if (lane % team == 0u) {
            stats[(t0 + row) * H + head] = found[row];
        }
    }
}

// Of a row's query with a key.
fn product(row: u32, key: u32) -> f32 {
    var sum = 0.0;
    for (var i = 0u; i < D / 4u; i++) {
        sum += dot(queries[row * (D / 4u) + i], keys[key * (D / 4u) + i]);
    }
    return sum;
}

// Of a row's gradient with a value.
fn gain(row: u32, key: u32) -> f32 {
    var sum = 0.0;
    for (var i = 0u; i < D / 4u; i++) {
        sum += dot(gradients[row * (D / 4u) + i], values[key * (D / 4u) + i]);
    }
    return sum;
}

// Fetches the keys from number `at` on, and their values.
fn stage(key_head: u32, at: u32, places: vec4<u32>, lane: u32) {
    for (var i = lane; i < KEYS * (D / 8u); i += LANES) {
        let place = cached(key_head, slot(at + i / (D / 8u), places)) + i % (D / 8u);
        let k = key8(place);
        let v = value8(place);
        keys[2u * i] = k.lo;
        keys[2u * i + 1u] = k.hi;
        values[2u * i] = v.lo;
        values[2u * i + 1u] = v.hi;
    }
}
