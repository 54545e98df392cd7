// Attention for software adapters: up to 8 query rows of one head per workgroup, 32 keys at a
// time, outer products across a subgroup of 8 lanes (see matmul_outer8).
//
// Every row sees two spans of cache slots, [x, y) and [z, w): with them the host expresses the
// ring buffer, the block-causal mask and the [x_t ; x_0] mask alike. A tile runs over the union
// of its rows' spans. Softmax is online, in f32. Lane l owns keys l, l + 8, l + 16, l + 24 of a
// chunk, and channels 8l .. 8l + 8 of the head.

override C: u32;             // channels
override D: u32;             // head width, a multiple of 8, at most 64
override TILE: u32;          // rows of a tile, at most 8
override GROUP: u32;         // consecutive rows that share a cache region
override SCALE: f32;         // 1 / sqrt(D)

@compute @workgroup_size(8)
fn attention_outer(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tiles = (GROUP + TILE - 1u) / TILE;
    let in_group = tile.x % tiles * TILE;
    let t0 = tile.x / tiles * GROUP + in_group;
    let rows = min(TILE, GROUP - in_group);
    let own = t0 + min(lane, rows - 1u);
    let span = spans[own];
    let union_at = vec2(subgroupMin(span.x), subgroupMin(span.z));
    let n_first = subgroupMax(span.y) - union_at.x;
    let n_keys = n_first + subgroupMax(span.w) - union_at.y;
    let width = C / 8u;
    let head = tile.y * (D / 8u);
    let channels = head + min(lane, D / 8u - 1u);

    var highest: array<f32, 8>;          // of the scores so far, per row
    var weight: array<f32, 8>;           // sum of exp(score - highest) over this lane's keys
    var low: array<vec4<f32>, 8>;        // weighted values, channels 8 * lane ..
    var high: array<vec4<f32>, 8>;       // channels 8 * lane + 4 ..
    for (var r = 0u; r < TILE; r++) {
        highest[r] = NEVER;
    }
    for (var at = 0u; at < n_keys; at += 32u) {
        let key = at + lane + vec4(0u, 8u, 16u, 24u);
        let kept = min(key, vec4(n_keys - 1u));
        var slot = select(kept - n_first + union_at.y, kept + union_at.x, kept < vec4(n_first));
        var score: array<vec4<f32>, 8>;  // [row][key / 8], then the keys' weights
        for (var d = 0u; d < D / 8u; d++) {
            let i = slot * width + head + d;
            let k0 = key8(i.x);
            let k1 = key8(i.y);
            let k2 = key8(i.z);
            let k3 = key8(i.w);
            let lo = mat4x4(k0.lo, k1.lo, k2.lo, k3.lo);
            let hi = mat4x4(k0.hi, k1.hi, k2.hi, k3.hi);
            let j = 2u * (own * width + head + d);
            let q_lo = q[j];
            let q_hi = q[j + 1u];
            for (var r = 0u; r < TILE; r++) {
                score[r] += subgroupShuffle(q_lo, r) * lo + subgroupShuffle(q_hi, r) * hi;
            }
        }
        for (var r = 0u; r < TILE; r++) {
            let seen = subgroupShuffle(span, r);
            let first = (slot >= vec4(seen.x)) & (slot < vec4(seen.y));
            let second = (slot >= vec4(seen.z)) & (slot < vec4(seen.w));
            let visible = select(second, first, key < vec4(n_first)) & (key < vec4(n_keys));
            let s = select(vec4(NEVER), score[r] * SCALE, visible);
            let top = max(highest[r], subgroupMax(max(max(s.x, s.y), max(s.z, s.w))));
            let p = select(vec4(0.0), exp(s - top), visible);
            let fade = exp(highest[r] - top);
            highest[r] = top;
            weight[r] = weight[r] * fade + p.x + p.y + p.z + p.w;
            low[r] *= fade;
            high[r] *= fade;
            score[r] = p;
        }
        // The component at hand is always x; the others come round.
        for (var c = 0u; c < 4u; c++) {
            for (var j = 0u; j < 8u; j++) {
                let value = value8(subgroupShuffle(slot.x, j) * width + channels);
                for (var r = 0u; r < TILE; r++) {
                    let p = subgroupShuffle(score[r].x, j);
                    low[r] += p * value.lo;
                    high[r] += p * value.hi;
                }
            }
            slot = slot.yzwx;
            for (var r = 0u; r < TILE; r++) {
                score[r] = score[r].yzwx;
            }
        }
    }
    for (var r = 0u; r < TILE; r++) {
        let total = subgroupAdd(weight[r]);
        if (r < rows && lane < D / 8u) {
            let i = 2u * ((t0 + r) * width + head + lane);
            y[i] = low[r] / total;
            y[i + 1u] = high[r] / total;
        }
    }
}
