// Matrix product for software adapters: outer products of 8 rows and 32 columns, or 64.
//
// A workgroup is one subgroup of 8 lanes. Each lane loads eight numbers of its own row of x and
// of four rows of w, or eight; values of x then reach the other lanes by a shuffle with a constant
// index. On lavapipe such a shuffle is one instruction while a load goes through the lanes, so only
// loads count. Lane l owns columns 4l .. 4l + 4 of the tile, and of its right half.

override WIDE: bool;         // 64 columns, else 32

@compute @workgroup_size(8)
fn matmul_outer8(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let m0 = tile.y * 8u;
    let n0 = tile.x * select(32u, 64u, WIDE) + 4u * lane;
    var left: array<vec4<f32>, 8>;       // [row of the tile], columns n0 ..
    var right: array<vec4<f32>, 8>;      // columns n0 + 32 ..
    for (var r = 0u; r < 8u; r++) {
        left[r] = bias4(n0);
        if (WIDE) {
            right[r] = bias4(n0 + 32u);
        }
    }
    for (var k8 = 0u; k8 < K / 8u; k8++) {
        let i = (m0 + lane) * (K / 4u) + 2u * k8;
        let x_lo = x4(i);
        let x_hi = x4(i + 1u);
        let a = columns(n0, k8);
        var b: Columns;
        if (WIDE) {
            b = columns(n0 + 32u, k8);
        }
        // Eight iterations of constant count: drivers unroll them, which more would forbid.
        for (var r = 0u; r < 8u; r++) {
            let lo = subgroupShuffle(x_lo, r);
            let hi = subgroupShuffle(x_hi, r);
            left[r] += lo * a.lo + hi * a.hi;
            if (WIDE) {
                right[r] += lo * b.lo + hi * b.hi;
            }
        }
    }
    for (var r = 0u; r < 8u; r++) {
        store4(m0 + r, n0, left[r]);
        if (WIDE) {
            store4(m0 + r, n0 + 32u, right[r]);
        }
    }
}
