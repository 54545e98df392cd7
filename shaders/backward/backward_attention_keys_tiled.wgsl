// Gradients of attention's keys and values: a tile of keys of one key head per workgroup, QUERIES query
// rows at a time in workgroup memory. Formulas as in backward_attention_keys_outer. A key belongs to D / 8
// lanes, each with eight of its channels.

override H: u32;             // query heads
override G: u32;             // key heads: each serves H / G neighbouring query heads
override D: u32;             // head width, a multiple of 8
override GROUP: u32;         // consecutive keys that are seen by the same sequence
override SCALE: f32;         // of scores: 1 / sqrt(the head width of the network)
override ROWS: u32;          // keys of a tile
override KEYS: u32;          // query rows at a time
override LANES: u32;         // ROWS * D / 8
override ROW_VECTORS: u32;   // ROWS * D / 4
override KEY_VECTORS: u32;   // KEYS * D / 4
override SCORES: u32;        // ROWS * (KEYS + 1): each row is padded against bank conflicts

// Of a key, `spans` are the two spans of rows that see it.
@group(0) @binding(4) var<storage, read> dy: array<vec4<f32>>;              // [T, H * D]
@group(0) @binding(5) var<storage, read> stats: array<vec2<f32>>;           // [T, H, 2]
@group(0) @binding(6) var<storage, read_write> dk: array<vec4<f32>>;        // [S, G * D]
@group(0) @binding(7) var<storage, read_write> dv: array<vec4<f32>>;        // [S, G * D]

var<workgroup> keys: array<vec4<f32>, ROW_VECTORS>;         // [ROWS, D]
var<workgroup> values: array<vec4<f32>, ROW_VECTORS>;       // [ROWS, D]
var<workgroup> queries: array<vec4<f32>, KEY_VECTORS>;      // [KEYS, D], scaled
var<workgroup> gradients: array<vec4<f32>, KEY_VECTORS>;    // [KEYS, D]
var<workgroup> by_weight: array<f32, SCORES>;               // [ROWS, KEYS + 1]
var<workgroup> by_score: array<f32, SCORES>;                // [ROWS, KEYS + 1]

@compute @workgroup_size(LANES)
fn backward_attention_keys_tiled(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let team = D / 8u;       // lanes of a key
    let tiles = (GROUP + ROWS - 1u) / ROWS;
    let in_group = group.x % tiles * ROWS;
    let s0 = group.x / tiles * GROUP + in_group;
    let n = min(ROWS, GROUP - in_group);
    let row = lane / team;
    let key_head = group.y;
    let own = cached(key_head, s0 + min(row, n - 1u)) + lane % team;
    let k = key8(own);
    let v = value8(own);
    keys[2u * lane] = k.lo;
    keys[2u * lane + 1u] = k.hi;
    values[2u * lane] = v.lo;
    values[2u * lane + 1u] = v.hi;
    let places = begin_spans(ROWS, s0, n, lane);
    var dk_low = vec4(0.0);
    var dk_high = vec4(0.0);
    var dv_low = vec4(0.0);
    var dv_high = vec4(0.0);
    for (var head = key_head * (H / G); head < (key_head + 1u) * (H / G); head++) {
        for (var at = 0u; at < places.w; at += KEYS) {
            stage(head, at, places, lane);
            workgroupBarrier();
            for (var i = lane; i < ROWS * KEYS; i += LANES) {
                let r = i / KEYS;
                let query = at + i % KEYS;
                let visible = sees(r, query, places);
                let found = stats[slot(query, places) * H + head];
                let both = products(r, i % KEYS);
                let p = select(0.0, exp(both.x - found.x), visible);
                by_weight[r * (KEYS + 1u) + i % KEYS] = p;
                by_score[r * (KEYS + 1u) + i % KEYS] = p * (both.y - found.y);
            }
            workgroupBarrier();
            for (var i = 0u; i < KEYS; i++) {
                let p = by_weight[row * (KEYS + 1u) + i];
                let ds = by_score[row * (KEYS + 1u) + i];
                let c = i * (D / 4u) + 2u * (lane % team);
                dv_low += p * gradients[c];
                dv_high += p * gradients[c + 1u];
                dk_low += ds * queries[c];
                dk_high += ds * queries[c + 1u];
            }
            workgroupBarrier();
        }
    }
    if (row < n) {
        let at = ((s0 + row) * G + key_head) * (D / 4u) + 2u * (lane % team);
        dk[at] = dk_low;
        dk[at + 1u] = dk_high;
        dv[at] = dv_low;
        dv[at + 1u] = dv_high;
    }
}

// Of a key with a query, and of its value with the query's gradient.
fn products(row: u32, query: u32) -> vec2<f32> {
    var sum = vec2(0.0);
    for (var i = 0u; i < D / 4u; i++) {
        let own = row * (D / 4u) + i;
        let other = query * (D / 4u) + i;
        sum += vec2(dot(keys[own], queries[other]), dot(values[own], gradients[other]));
    }
    return sum;
}

// Fetches the query rows from number `at` on, and their gradients.
fn stage(head: u32, at: u32, places: vec4<u32>, lane: u32) {
    for (var i = lane; i < KEYS * (D / 8u); i += LANES) {
        let place = (slot(at + i / (D / 8u), places) * H + head) * (D / 8u) + i % (D / 8u);
        let q = query8(place);
        queries[2u * i] = SCALE * q.lo;
        queries[2u * i + 1u] = SCALE * q.hi;
        gradients[2u * i] = dy[2u * place];
        gradients[2u * i + 1u] = dy[2u * place + 1u];
    }
}
