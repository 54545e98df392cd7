// Matrix product for software adapters: outer products of up to 4 rows and 32 columns, or 64.
//
// As matmul_outer8, but one load of x serves eight inputs: lanes 0..4 hold the first four inputs
// of rows 0..4, lanes 4..8 the next four. The wide form uses it for twice as many columns.

override WIDE: bool;         // 64 columns, else 32

@compute @workgroup_size(8)
fn matmul_outer4(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let m0 = tile.y * 4u;
    let n0 = tile.x * select(32u, 64u, WIDE) + 4u * lane;
    var left: array<vec4<f32>, 4>;       // [row of the tile], columns n0 ..
    var right: array<vec4<f32>, 4>;      // columns n0 + 32 ..
    for (var r = 0u; r < 4u; r++) {
        left[r] = bias4(n0);
        if (WIDE) {
            right[r] = bias4(n0 + 32u);
        }
    }
    for (var k8 = 0u; k8 < K / 8u; k8++) {
        let x_both = x4((m0 + lane % 4u) * (K / 4u) + 2u * k8 + lane / 4u);
        let a = columns(n0, k8);
        for (var r = 0u; r < 4u; r++) {
            left[r] += subgroupShuffle(x_both, r) * a.lo + subgroupShuffle(x_both, r + 4u) * a.hi;
        }
        if (WIDE) {
            let b = columns(n0 + 32u, k8);
            for (var r = 0u; r < 4u; r++) {
                right[r] +=
                    subgroupShuffle(x_both, r) * b.lo + subgroupShuffle(x_both, r + 4u) * b.hi;
            }
        }
    }
    for (var r = 0u; r < 4u; r++) {
        store4(m0 + r, n0, left[r]);
        if (WIDE) {
            store4(m0 + r, n0 + 32u, right[r]);
        }
    }
}
