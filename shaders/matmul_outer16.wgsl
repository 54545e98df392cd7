// Matrix product for software adapters: outer products of 16 rows and 32 columns, or 64.
//
// As matmul_outer8, but a load of w serves twice as many rows. The sums stand in arrays of 8, since
// drivers unroll loops of 8 and would keep longer arrays out of registers. The wide form takes
// twice as long to compile.

override WIDE: bool;         // 64 columns, else 32

@compute @workgroup_size(8)
fn matmul_outer16(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let m0 = tile.y * 16u;
    let n0 = tile.x * select(32u, 64u, WIDE) + 4u * lane;
    var top_left: array<vec4<f32>, 8>;       // [row of the tile], columns n0 ..
    var top_right: array<vec4<f32>, 8>;      // columns n0 + 32 ..
    var bottom_left: array<vec4<f32>, 8>;    // rows 8 ..
    var bottom_right: array<vec4<f32>, 8>;
    for (var r = 0u; r < 8u; r++) {
        top_left[r] = bias4(n0);
        bottom_left[r] = bias4(n0);
        if (WIDE) {
            top_right[r] = bias4(n0 + 32u);
            bottom_right[r] = bias4(n0 + 32u);
        }
    }
    for (var k8 = 0u; k8 < K / 8u; k8++) {
        let left = columns(n0, k8);
        var right: Columns;
        if (WIDE) {
            right = columns(n0 + 32u, k8);
        }
        let i = (m0 + lane) * (K / 4u) + 2u * k8;
        let top_lo = x[i];
        let top_hi = x[i + 1u];
        let bottom_lo = x[i + 2u * K];
        let bottom_hi = x[i + 2u * K + 1u];
        for (var r = 0u; r < 8u; r++) {
            let lo = subgroupShuffle(top_lo, r);
            let hi = subgroupShuffle(top_hi, r);
            top_left[r] += lo * left.lo + hi * left.hi;
            if (WIDE) {
                top_right[r] += lo * right.lo + hi * right.hi;
            }
        }
        for (var r = 0u; r < 8u; r++) {
            let lo = subgroupShuffle(bottom_lo, r);
            let hi = subgroupShuffle(bottom_hi, r);
            bottom_left[r] += lo * left.lo + hi * left.hi;
            if (WIDE) {
                bottom_right[r] += lo * right.lo + hi * right.hi;
            }
        }
    }
    for (var r = 0u; r < 8u; r++) {
        store4(m0 + r, n0, top_left[r]);
        store4(m0 + 8u + r, n0, bottom_left[r]);
        if (WIDE) {
            store4(m0 + r, n0 + 32u, top_right[r]);
            store4(m0 + 8u + r, n0 + 32u, bottom_right[r]);
        }
    }
}
