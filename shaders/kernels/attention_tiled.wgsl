// Attention for GPUs, many rows: a tile of query rows of one head per workgroup, 16 keys at a
// time in workgroup memory, online softmax in f32.
//
// Spans as in attention_outer; a tile runs over the union of its rows' spans, so what none of its
// rows sees is never read. A row belongs to D / 16 lanes, each with 16 of its channels.

override H: u32;             // query heads
override G: u32;             // key heads: each serves H / G neighbouring query heads
override D: u32;             // head width: 16, 32, 64 or 128
override GROUP: u32;         // consecutive rows that share a cache region
override SCALE: f32;         // of scores: 1 / sqrt(the head width of the network)
override STAGED: u32;        // vectors of KEYS keys
override SCORES: u32;        // of a tile's rows, each padded against bank conflicts

const LANES = 128u;
const KEYS = 16u;
const ROW_SCORES = 17u;

var<workgroup> queries: array<vec4<f32>, 512>;          // [LANES / (D / 16), D]
var<workgroup> keys: array<vec4<f32>, STAGED>;          // [KEYS, D], then their values
var<workgroup> scores: array<f32, SCORES>;              // [LANES / (D / 16), ROW_SCORES]

@compute @workgroup_size(128)
fn attention_tiled(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let team = D / 16u;      // lanes of a row
    let tile = LANES / team;
    let tiles = (GROUP + tile - 1u) / tile;
    let in_group = group.x % tiles * tile;
    let t0 = group.x / tiles * GROUP + in_group;
    let rows = min(tile, GROUP - in_group);
    let row = lane / team;
    let t = t0 + min(row, rows - 1u);
    let head = group.y;
    let key_head = head / (H / G);
    let places = begin_tile(tile, t0, rows, head, lane);
    let n_keys = places.w;
    var highest = NEVER;
    var weight = 0.0;
    var a = vec4(0.0);
    var b = vec4(0.0);
    var c = vec4(0.0);
    var d = vec4(0.0);
    for (var at = 0u; at < n_keys; at += KEYS) {
        stage(key_head, at, places, lane, true);
        workgroupBarrier();
        // Two keys and every 16th row.
        let pair = lane % 8u * 2u;
        let number = at + pair + vec2(0u, 1u);
        for (var r = lane / 8u; r < tile; r += LANES / 8u) {
            let seen = spans[t0 + min(r, rows - 1u)];
            let visible = vec2(sees(seen, number.x, places), sees(seen, number.y, places));
            let score = select(vec2(NEVER), products(r, pair), visible);
            scores[r * ROW_SCORES + pair] = score.x;
            scores[r * ROW_SCORES + pair + 1u] = score.y;
        }
        workgroupBarrier();
        stage(key_head, at, places, lane, false);
        workgroupBarrier();
        var top = highest;
        for (var i = 0u; i < KEYS; i++) {
            top = max(top, scores[row * ROW_SCORES + i]);
        }
        let fade = exp(highest - top);
        highest = top;
        weight *= fade;
        a *= fade;
        b *= fade;
        c *= fade;
        d *= fade;
        for (var i = 0u; i < KEYS; i++) {
            let score = scores[row * ROW_SCORES + i];
            let p = select(exp(score - top), 0.0, score == NEVER);   // NaN stays NaN
            let v = i * (D / 4u) + lane % team * 4u;
            weight += p;
            a += p * keys[v];
            b += p * keys[v + 1u];
            c += p * keys[v + 2u];
            d += p * keys[v + 3u];
        }
        workgroupBarrier();
    }
    if (row < rows) {
        let y = t * (H * D / 4u) + head * (D / 4u) + lane % team * 4u;
        set_y4(y, a / weight);
        set_y4(y + 1u, b / weight);
        set_y4(y + 2u, c / weight);
        set_y4(y + 3u, d / weight);
    }
}

// Of a row's query with two neighbouring keys.
fn products(row: u32, key: u32) -> vec2<f32> {
    var sum = vec2(0.0);
    for (var i = 0u; i < D / 4u; i++) {
        let q = queries[row * (D / 4u) + i];
        let k = key * (D / 4u) + i;
        sum += vec2(dot(q, keys[k]), dot(q, keys[k + D / 4u]));
    }
    return sum;
}

// Fetches the keys from number `at` on, or their values.
fn stage(key_head: u32, at: u32, places: vec4<u32>, lane: u32, is_key: bool) {
    for (var i = lane; i < KEYS * (D / 8u); i += LANES) {
        let place = cached(key_head, slot(at + i / (D / 8u), places)) + i % (D / 8u);
        var eight = key8(place);
        if (!is_key) {
            eight = value8(place);
        }
        keys[2u * i] = eight.lo;
        keys[2u * i + 1u] = eight.hi;
    }
}
