// Gradient of attention's queries, for software adapters: eight rows of one head per workgroup, four keys
// of each lane at a time, as attention_outer. Nothing but the result of the forward pass is kept: the
// weights p of the keys are computed again, first their sums, then the gradient of the scores,
// ds = p * (dy . v - delta), delta = dy . y, and dq = sum of ds * k * SCALE. Source: Dao et al.,
// FlashAttention, 2022. The sums and deltas go to `stats`, for the keys.

override H: u32;             // query heads
override G: u32;             // key heads: each serves H / G neighbouring query heads
override D: u32;             // head width, a multiple of 8, at most 64
override GROUP: u32;         // consecutive rows that share a cache region
override SCALE: f32;         // of scores: 1 / sqrt(the head width of the network)
override LANES: u32;         // of a subgroup, 8 or 16
override Y_SKIPPED: u32;     // texels before the first row

@group(0) @binding(4) var y: texture_storage_2d<rgba32uint, read>;          // [T, H * D]
@group(0) @binding(5) var dy: texture_storage_2d<rgba32uint, read>;         // [T, H * D]
@group(0) @binding(6) var<storage, read_write> stats: array<vec2<f32>>;     // [T, H, 2]
@group(0) @binding(7) var<storage, read_write> dq: array<vec4<f32>>;        // [T, H * D]

@compute @workgroup_size(LANES)
fn backward_attention_queries_outer(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tiles = (GROUP + 7u) / 8u;
    let in_group = group.x % tiles * 8u;
    let t0 = group.x / tiles * GROUP + in_group;
    let n = min(8u, GROUP - in_group);
    let t = t0 + min(lane % 8u, n - 1u);
    let head = group.y;
    let key_head = head / (H / G);
    let own = (t * H + head) * (D / 8u);
    var rows: Rows;
    rows.span = spans[t];
    for (var r = 0u; r < 8u; r++) {
        rows.highest[r] = NEVER;
    }
    let places = join_spans(rows.span, rows.span);
    for (var at = 0u; at < places.w; at += 4u * LANES) {
        let keys = keys_at(at, lane, places);
        var score: Scores;
        multiply(&score, own, place_of_keys(key_head, keys.slot), false);
        sum_weights(&rows, &score, keys);
    }
    var log_sum: array<f32, 8>;
    for (var r = 0u; r < 8u; r++) {
        let top = subgroupMax(rows.highest[r]);
        log_sum[r] = top + log(subgroupAdd(rows.weight[r] * exp(rows.highest[r] - top)));
    }
    var delta = 0.0;
    for (var d = 0u; d < D / 8u; d++) {
        let a = gradient8(own + d);
        let b = result8(own + d);
        delta += dot(a.lo, b.lo) + dot(a.hi, b.hi);
    }

    let channels = min(lane % 8u, D / 8u - 1u);
    let is_upper = lane >= 8u;
    for (var at = 0u; at < places.w; at += 4u * LANES) {
        let keys = keys_at(at, lane, places);
        var place = place_of_keys(key_head, keys.slot);
        var score: Scores;
        var found: Scores;
        multiply(&score, own, place, false);
        multiply(&found, own, place, true);
        for (var r = 0u; r < 8u; r++) {
            let p = exp(score[r] * SCALE - log_sum[r]);
            let ds = SCALE * p * (found[r] - subgroupShuffle(delta, r));
            score[r] = select(vec4(0.0), ds, visible_to(subgroupShuffle(rows.span, r), keys));
        }
        for (var c = 0u; c < 4u; c++) {
            var values: array<Eight, 8>;
            for (var j = 0u; j < 8u; j++) {
                values[j] = key8(place_of(place.x, j, is_upper) + channels);
            }
            add_values(&rows, &score, 8u, &values, is_upper);
            place = place.yzwx;
            for (var r = 0u; r < 8u; r++) {
                score[r] = score[r].yzwx;
            }
        }
    }
    join_halves(&rows, 8u);
    for (var r = 0u; r < n; r++) {
        let at = (t0 + r) * H + head;
        if (lane < D / 8u) {
            dq[at * (D / 4u) + 2u * lane] = rows.low[r];
            dq[at * (D / 4u) + 2u * lane + 1u] = rows.high[r];
        }
        if (lane == r) {
            stats[at] = vec2(log_sum[r], delta);
        }
    }
}

fn place_of_keys(key_head: u32, slot: vec4<u32>) -> vec4<u32> {
    return vec4(
        cached(key_head, slot.x),
        cached(key_head, slot.y),
        cached(key_head, slot.z),
        cached(key_head, slot.w),
    );
}

// Products of the rows' queries with this lane's keys, or of their gradients with its values.
fn multiply(score: ptr<function, Scores>, own: u32, place: vec4<u32>, is_value: bool) {
    for (var d = 0u; d < D / 8u; d++) {
        let i = place + d;
        var row: Eight;
        var k: array<Eight, 4>;
        if (is_value) {
            row = gradient8(own + d);
            k = array(value8(i.x), value8(i.y), value8(i.z), value8(i.w));
        } else {
            row = query8(own + d);
            k = array(key8(i.x), key8(i.y), key8(i.z), key8(i.w));
        }
        add_products(score, 8u, row.lo, 0u, mat4x4(k[0].lo, k[1].lo, k[2].lo, k[3].lo));
        add_products(score, 8u, row.hi, 0u, mat4x4(k[0].hi, k[1].hi, k[2].hi, k[3].hi));
    }
}

// Adds this lane's keys to the sums of their weights.
fn sum_weights(rows: ptr<function, Rows>, score: ptr<function, Scores>, keys: Keys) {
    for (var r = 0u; r < 8u; r++) {
        let visible = visible_to(subgroupShuffle((*rows).span, r), keys);
        let s = select(vec4(NEVER), (*score)[r] * SCALE, visible);
        let top = max((*rows).highest[r], max(max(s.x, s.y), max(s.z, s.w)));
        let p = dot(select(vec4(0.0), exp(s - top), visible), vec4(1.0));
        (*rows).weight[r] = (*rows).weight[r] * exp((*rows).highest[r] - top) + p;
        (*rows).highest[r] = top;
    }
}

fn gradient8(i: u32) -> Eight {
    return unpack_f32(textureLoad(dy, texel(2u * i)), textureLoad(dy, texel(2u * i + 1u)));
}

fn result8(i: u32) -> Eight {
    let at = Y_SKIPPED + 2u * i;
    return unpack_f32(textureLoad(y, texel(at)), textureLoad(y, texel(at + 1u)));
}
