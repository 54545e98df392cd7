// Matrix product for software adapters: outer products of up to 4 rows and 32 columns.
//
// As matmul_outer8, but one load of x serves eight inputs: lanes 0..4 hold the first four inputs
// of rows 0..4, lanes 4..8 the next four.

@compute @workgroup_size(8)
fn matmul_outer4(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let m0 = tile.y * 4u;
    let n0 = tile.x * 32u + lane;
    var sum: array<vec4<f32>, 4>;    // [row of the tile][column / 8]
    for (var k8 = 0u; k8 < K / 8u; k8++) {
        let w0 = weights(n0, k8);
        let w1 = weights(n0 + 8u, k8);
        let w2 = weights(n0 + 16u, k8);
        let w3 = weights(n0 + 24u, k8);
        let lo = mat4x4(w0.lo, w1.lo, w2.lo, w3.lo);
        let hi = mat4x4(w0.hi, w1.hi, w2.hi, w3.hi);
        let x_both = x[(m0 + lane % 4u) * (K / 4u) + 2u * k8 + lane / 4u];
        for (var r = 0u; r < 4u; r++) {
            sum[r] += subgroupShuffle(x_both, r) * lo + subgroupShuffle(x_both, r + 4u) * hi;
        }
    }
    for (var r = 0u; r < 4u; r++) {
        store4(m0 + r, n0, sum[r]);
    }
}
