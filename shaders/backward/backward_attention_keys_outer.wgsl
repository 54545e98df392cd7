// Gradients of attention's keys and values, for software adapters: eight keys of one key head per
// workgroup, four query rows of each lane at a time. It mirrors backward_attention_queries_outer, whose
// `stats` it needs: dv = sum of p * dy, dk = sum of p * (dy . v - delta) * q * SCALE, over the rows that
// see the key and over the query heads that it serves.

override H: u32;             // query heads
override G: u32;             // key heads: each serves H / G neighbouring query heads
override D: u32;             // head width, a multiple of 8, at most 64
override GROUP: u32;         // consecutive keys that are seen by the same sequence
override SCALE: f32;         // of scores: 1 / sqrt(the head width of the network)
override LANES: u32;         // of a subgroup, 8 or 16

// Of a key, `spans` are the two spans of rows that see it.
@group(0) @binding(4) var dy: texture_storage_2d<rgba32uint, read>;         // [T, H * D]
@group(0) @binding(5) var<storage, read> stats: array<vec2<f32>>;           // [T, H, 2]
@group(0) @binding(6) var<storage, read_write> dk: array<vec4<f32>>;        // [S, G * D]
@group(0) @binding(7) var<storage, read_write> dv: array<vec4<f32>>;        // [S, G * D]

@compute @workgroup_size(LANES)
fn backward_attention_keys_outer(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tiles = (GROUP + 7u) / 8u;
    let in_group = group.x % tiles * 8u;
    let s0 = group.x / tiles * GROUP + in_group;
    let n = min(8u, GROUP - in_group);
    let slot = s0 + min(lane % 8u, n - 1u);
    let key_head = group.y;
    let own = cached(key_head, slot);
    let seen = spans[slot];
    let places = join_spans(seen, seen);
    let channels = min(lane % 8u, D / 8u - 1u);
    let is_upper = lane >= 8u;
    var by_score: Rows;      // dk
    var by_weight: Rows;     // dv
    for (var head = key_head * (H / G); head < (key_head + 1u) * (H / G); head++) {
        for (var at = 0u; at < places.w; at += 4u * LANES) {
            let rows = keys_at(at, lane, places);
            let row = rows.slot * H + head;
            var place = row * (D / 8u);
            var p: Scores;
            var ds: Scores;
            multiply(&p, &ds, own, place);
            let x = stats[row.x];
            let y = stats[row.y];
            let z = stats[row.z];
            let w = stats[row.w];
            let log_sum = vec4(x.x, y.x, z.x, w.x);
            let delta = vec4(x.y, y.y, z.y, w.y);
            for (var r = 0u; r < 8u; r++) {
                let visible = visible_to(subgroupShuffle(seen, r), rows);
                p[r] = select(vec4(0.0), exp(p[r] * SCALE - log_sum), visible);
                ds[r] = SCALE * p[r] * (ds[r] - delta);
            }
            for (var c = 0u; c < 4u; c++) {
                var values: array<Eight, 8>;
                for (var j = 0u; j < 8u; j++) {
                    values[j] = gradient8(place_of(place.x, j, is_upper) + channels);
                }
                add_values(&by_weight, &p, 8u, &values, is_upper);
                for (var j = 0u; j < 8u; j++) {
                    values[j] = query8(place_of(place.x, j, is_upper) + channels);
                }
                add_values(&by_score, &ds, 8u, &values, is_upper);
                place = place.yzwx;
                for (var r = 0u; r < 8u; r++) {
                    p[r] = p[r].yzwx;
                    ds[r] = ds[r].yzwx;
                }
            }
        }
    }
    join_halves(&by_score, 8u);
    join_halves(&by_weight, 8u);
    if (lane < D / 8u) {
        for (var r = 0u; r < n; r++) {
            let at = ((s0 + r) * G + key_head) * (D / 4u) + 2u * lane;
            dk[at] = by_score.low[r];
            dk[at + 1u] = by_score.high[r];
            dv[at] = by_weight.low[r];
            dv[at + 1u] = by_weight.high[r];
        }
    }
}

// Products of the keys with this lane's queries, and of the values with their gradients.
fn multiply(score: ptr<function, Scores>, found: ptr<function, Scores>, own: u32, place: vec4<u32>) {
    for (var d = 0u; d < D / 8u; d++) {
        let i = place + d;
        let k = key8(own + d);
        let q0 = query8(i.x);
        let q1 = query8(i.y);
        let q2 = query8(i.z);
        let q3 = query8(i.w);
        add_products(score, 8u, k.lo, 0u, mat4x4(q0.lo, q1.lo, q2.lo, q3.lo));
        add_products(score, 8u, k.hi, 0u, mat4x4(q0.hi, q1.hi, q2.hi, q3.hi));
        let v = value8(own + d);
        let g0 = gradient8(i.x);
        let g1 = gradient8(i.y);
        let g2 = gradient8(i.z);
        let g3 = gradient8(i.w);
        add_products(found, 8u, v.lo, 0u, mat4x4(g0.lo, g1.lo, g2.lo, g3.lo));
        add_products(found, 8u, v.hi, 0u, mat4x4(g0.hi, g1.hi, g2.hi, g3.hi));
    }
}

fn gradient8(i: u32) -> Eight {
    return unpack_f32(textureLoad(dy, texel(2u * i)), textureLoad(dy, texel(2u * i + 1u)));
}
