// Matrix product for software adapters: outer products of up to 4 rows and 32 columns, or 64.
//
// As matmul_outer8, but one load of x serves eight inputs: lanes 0..4 hold the first four inputs
// of rows 0..4, lanes 4..8 the next four. The wide form uses it for twice as many columns.

override WIDE: bool;         // 64 columns, else 32
override HEIGHT: u32;        // rows of a tile that are wanted, at most 4

@compute @workgroup_size(8)
fn matmul_outer4(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let m0 = tile.y * 4u;
    let n0 = tile.x * select(32u, 64u, WIDE) + 4u * lane;
    var left: Sums;          // columns n0 ..
    var right: Sums;         // columns n0 + 32 ..
    begin(&left, n0);
    if (WIDE) {
        begin(&right, n0 + 32u);
    }
    let left_place = place(n0);
    let right_place = place(n0 + 32u);
    for (var group = 0u; group < groups(); group++) {
        var group_left: Sums;
        var group_right: Sums;
        for (var k8 = group * (GROUP / 8u); k8 < group_end(group); k8++) {
            let x_both = x4((m0 + lane % 4u) * (K / 4u) + 2u * k8 + lane / 4u);
            add_halves(&group_left, x_both, columns(left_place, k8));
            if (WIDE) {
                add_halves(&group_right, x_both, columns(right_place, k8));
            }
        }
        add_group(&left, &group_left, scales(n0, group));
        if (WIDE) {
            add_group(&right, &group_right, scales(n0 + 32u, group));
        }
    }
    store_tile(&left, &right, m0, n0);
}

// One half of the inputs after the other: as many weights as stay in registers beside the sums.
fn add_halves(sums: ptr<function, Sums>, x: vec4<f32>, w: Columns) {
    for (var r = 0u; r < HEIGHT; r++) {
        (*sums)[r] += subgroupShuffle(x, r) * w.lo;
    }
    for (var r = 0u; r < HEIGHT; r++) {
        (*sums)[r] += subgroupShuffle(x, r + 4u) * w.hi;
    }
}
