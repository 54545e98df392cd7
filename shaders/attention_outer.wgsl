// Attention for software adapters: up to 8 query rows of one head per workgroup, 32 keys at a
// time, outer products across a subgroup of 8 lanes (see matmul_outer8).
//
// Every row sees two spans of cache slots, [x, y) and [z, w): with them the host expresses the
// ring buffer, the block-causal mask and the [x_t ; x_0] mask alike. A tile runs over the union
// of its rows' spans. Softmax is online, in f32. Lane l owns keys l, l + 8, l + 16, l + 24 of a
// chunk, and channels 4l .. 4l + 4 of each half head.

override C: u32;             // channels
override D: u32;             // head width, a multiple of 8, at most 64
override TILE: u32;          // rows of a tile, at most 8
override GROUP: u32;         // consecutive rows that share a cache region
override SCALE: f32;         // 1 / sqrt(D)

@group(0) @binding(0) var<storage, read> q: array<vec4<f32>>;             // [T, C]
@group(0) @binding(1) var<storage, read> k_cache: array<vec4<f32>>;       // [S, C]
@group(0) @binding(2) var<storage, read> v_cache: array<vec4<f32>>;       // [S, C]
@group(0) @binding(3) var<storage, read> spans: array<vec4<u32>>;         // [T]
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;       // [T, C]

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
    let width = C / 4u;
    let head = tile.y * (D / 4u);

    var highest: array<f32, 8>;          // of the scores so far, per row
    var weight: array<f32, 8>;           // sum of exp(score - highest) over this lane's keys
    var low: array<vec4<f32>, 8>;        // channels 4 * lane .. of the weighted values
    var high: array<vec4<f32>, 8>;       // channels 32 + 4 * lane ..
    for (var r = 0u; r < TILE; r++) {
        highest[r] = NEVER;
    }
    for (var at = 0u; at < n_keys; at += 32u) {
        let key = at + lane + vec4(0u, 8u, 16u, 24u);
        let kept = min(key, vec4(n_keys - 1u));
        var slot = select(kept - n_first + union_at.y, kept + union_at.x, kept < vec4(n_first));
        var score: array<vec4<f32>, 8>;  // [row][key / 8], then the keys' weights
        for (var d = 0u; d < D / 4u; d++) {
            let i = slot * width + head + d;
            let keys = mat4x4(k_cache[i.x], k_cache[i.y], k_cache[i.z], k_cache[i.w]);
            let query = q[own * width + head + d];
            for (var r = 0u; r < TILE; r++) {
                score[r] += subgroupShuffle(query, r) * keys;
            }
        }
        for (var r = 0u; r < TILE; r++) {
            let seen = subgroupShuffle(span, r);
            let first = (slot >= vec4(seen.x)) & (slot < vec4(seen.y));
            let second = (slot >= vec4(seen.z)) & (slot < vec4(seen.w));
            let visible = (first | second) & (key < vec4(n_keys));
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
                let i = subgroupShuffle(slot.x, j) * width + head;
                let v_low = v_cache[i + min(lane, D / 4u - 1u)];
                let v_high = v_cache[i + min(lane + 8u, D / 4u - 1u)];
                for (var r = 0u; r < TILE; r++) {
                    let p = subgroupShuffle(score[r].x, j);
                    low[r] += p * v_low;
                    high[r] += p * v_high;
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
        let i = (t0 + r) * width + head + lane;
        if (r < rows && lane < D / 4u) {
            y[i] = low[r] / total;
        }
        if (r < rows && lane + 8u < D / 4u) {
            y[i + 8u] = high[r] / total;
        }
    }
}
