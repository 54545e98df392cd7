// Joined to matmul_tiled: stages weights that are stored the other way round, [K, N] in f32.
//
// Provides: K, stage_weights(n0, k0, lane)
// Needs: STRIDE, w_tile, words

override K: u32;             // rows of the table, a multiple of 8
override TABLE_STRIDE: u32;  // columns of the table, a multiple of 4

// Every lane fetches four neighbouring columns of one row; zeros beyond the table.
fn stage_weights(n0: u32, k0: u32, lane: u32) {
    let k = lane / 16u;
    let n = lane % 16u * 4u;
    var four = vec4(0.0);
    if (k0 + k < K && n0 + n < TABLE_STRIDE) {
        four = bitcast<vec4<f32>>(words((k0 + k) * (TABLE_STRIDE / 4u) + (n0 + n) / 4u));
    }
    let i = k * STRIDE + n;
    w_tile[i] = four.x;
    w_tile[i + 1u] = four.y;
    w_tile[i + 2u] = four.z;
    w_tile[i + 3u] = four.w;
}
