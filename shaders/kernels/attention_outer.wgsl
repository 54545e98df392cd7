// Attention for software adapters: up to 16 query rows of one head per workgroup, four keys of each
// lane at a time, outer products across a subgroup of 8 or 16 lanes (see matmul_outer).
//
// Every row sees two spans of cache slots, [x, y) and [z, w): with them the host expresses the
// ring buffer, the block-causal mask and the [x_t ; x_0] mask alike. A tile runs over the union
// of its rows' spans. Softmax is online, in f32. Lane l owns keys l, l + LANES, l + 2 * LANES and
// l + 3 * LANES of a chunk, and channels 8l .. 8l + 8 of the head; lane l + 8 owns them too, and adds
// the values of the keys that the upper lanes own.

override H: u32;             // query heads
override G: u32;             // key heads: each serves H / G neighbouring query heads
override D: u32;             // head width, a multiple of 8, at most 64
override TOP: u32;           // first rows of a tile, at most 8
override BOTTOM: u32;        // its other rows, at most 8
override GROUP: u32;         // consecutive rows that share a cache region
override SCALE: f32;         // of scores: 1 / sqrt(the head width of the network)
override LANES: u32;         // of a subgroup, 8 or 16

@compute @workgroup_size(LANES)
fn attention_outer(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tile = TOP + BOTTOM;
    let tiles = (GROUP + tile - 1u) / tile;
    let in_group = group.x % tiles * tile;
    let t0 = group.x / tiles * GROUP + in_group;
    let rows = min(tile, GROUP - in_group);
    let top_row = t0 + min(lane, rows - 1u);
    let bottom_row = t0 + min(lane + 8u, rows - 1u);
    var top: Rows;
    var bottom: Rows;
    top.span = spans[top_row];
    bottom.span = spans[bottom_row];
    for (var r = 0u; r < 8u; r++) {
        top.highest[r] = NEVER;
        bottom.highest[r] = NEVER;
    }
    let places = join_spans(min(top.span, bottom.span), max(top.span, bottom.span));
    let width = H * D / 8u;
    let head = group.y;
    let key_head = head / (H / G);
    let channels = min(lane % 8u, D / 8u - 1u);
    let is_upper = lane >= 8u;

    for (var at = 0u; at < places.w; at += 4u * LANES) {
        let keys = keys_at(at, lane, places);
        var top_score: Scores;
        var bottom_score: Scores;
        var place = vec4(
            cached(key_head, keys.slot.x),
            cached(key_head, keys.slot.y),
            cached(key_head, keys.slot.z),
            cached(key_head, keys.slot.w),
        );
        for (var d = 0u; d < D / 8u; d++) {
            let i = place + d;
            let k0 = key8(i.x);
            let k1 = key8(i.y);
            let k2 = key8(i.z);
            let k3 = key8(i.w);
            let lo = mat4x4(k0.lo, k1.lo, k2.lo, k3.lo);
            let hi = mat4x4(k0.hi, k1.hi, k2.hi, k3.hi);
            let q = query8(top_row * width + head * (D / 8u) + d);
            add_products(&top_score, TOP, q.lo, 0u, lo);
            add_products(&top_score, TOP, q.hi, 0u, hi);
            if (BOTTOM > 0u) {
                var below = q;
                if (LANES == 8u) {
                    below = query8(bottom_row * width + head * (D / 8u) + d);
                }
                add_products(&bottom_score, BOTTOM, below.lo, LANES - 8u, lo);
                add_products(&bottom_score, BOTTOM, below.hi, LANES - 8u, hi);
            }
        }
        weigh(&top, &top_score, TOP, keys);
        weigh(&bottom, &bottom_score, BOTTOM, keys);
        // The component at hand is always x; the others come round.
        for (var c = 0u; c < 4u; c++) {
            var values: array<Eight, 8>;
            for (var j = 0u; j < 8u; j++) {
                values[j] = value8(place_of(place.x, j, is_upper) + channels);
            }
            add_values(&top, &top_score, TOP, &values, is_upper);
            add_values(&bottom, &bottom_score, BOTTOM, &values, is_upper);
            place = place.yzwx;
            for (var r = 0u; r < 8u; r++) {
                top_score[r] = top_score[r].yzwx;
                bottom_score[r] = bottom_score[r].yzwx;
            }
        }
    }
    for (var r = 0u; r < 8u; r++) {
        top.weight[r] = subgroupAdd(top.weight[r]);
        bottom.weight[r] = subgroupAdd(bottom.weight[r]);
    }
    join_halves(&top, TOP);
    join_halves(&bottom, BOTTOM);
    if (lane < D / 8u) {
        let at = t0 * width + head * (D / 8u) + lane;
        finish(&top, TOP, at, rows);
        finish(&bottom, BOTTOM, at + 8u * width, max(rows, 8u) - 8u);
    }
}

// Stores this lane's channels of the first `count` rows; `at` counts groups of eight.
fn finish(rows: ptr<function, Rows>, n: u32, at: u32, count: u32) {
    for (var r = 0u; r < min(n, count); r++) {
        let i = 2u * (at + r * (H * D / 8u));
        set_y4(i, (*rows).low[r] / (*rows).weight[r]);
        set_y4(i + 1u, (*rows).high[r] / (*rows).weight[r]);
    }
}
