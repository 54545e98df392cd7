// Matrix product for software adapters: outer products of 8 rows and 32 columns.
//
// A workgroup is one subgroup of 8 lanes. Each lane loads eight numbers of its own row of x and
// of four rows of w; values of x then reach the other lanes by a shuffle with a constant index.
// On lavapipe such a shuffle is one instruction while a load is a loop over the lanes, so only
// loads count. Lane l owns columns l, l + 8, l + 16, l + 24 of the tile.

@compute @workgroup_size(8)
fn matmul_outer8(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let m0 = tile.y * 8u;
    let n0 = tile.x * 32u + lane;
    var sum: array<vec4<f32>, 8>;    // [row of the tile][column / 8]
    for (var k8 = 0u; k8 < K / 8u; k8++) {
        let w = columns(n0, k8);
        let i = (m0 + lane) * (K / 4u) + 2u * k8;
        let x_lo = x[i];
        let x_hi = x[i + 1u];
        // Eight iterations of constant count: drivers unroll them, which more would forbid.
        for (var r = 0u; r < 8u; r++) {
            sum[r] += subgroupShuffle(x_lo, r) * w.lo + subgroupShuffle(x_hi, r) * w.hi;
        }
    }
    for (var r = 0u; r < 8u; r++) {
        store4(m0 + r, n0, sum[r]);
    }
}
