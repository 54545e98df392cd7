// Matrix product for software adapters: outer products of up to half as many rows as a subgroup has
// lanes, and four columns of each lane, or eight.
//
// As matmul_outer, but one load of x serves eight inputs: the lower half of the lanes holds the
// first four inputs of its rows, the upper half the next four. The wide form uses it for twice as
// many columns.

override LANES: u32;         // of a subgroup, 8 or 16
override WIDE: bool;         // eight columns of each lane, else four
override HEIGHT: u32;        // rows of a tile that are wanted, at most LANES / 2

@compute @workgroup_size(LANES)
fn matmul_outer_few(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let half = LANES / 2u;
    let m0 = tile.y * half;
    let n0 = tile.x * select(4u, 8u, WIDE) * LANES + 4u * lane;
    var left: Sums;          // columns n0 ..
    var right: Sums;         // columns n0 + 4 * LANES ..
    begin(&left, n0);
    if (WIDE) {
        begin(&right, n0 + 4u * LANES);
    }
    let left_place = place(n0);
    let right_place = place(n0 + 4u * LANES);
    for (var group = 0u; group < groups(); group++) {
        var group_left: Sums;
        var group_right: Sums;
        let left_offset = offsets(n0, group);
        let right_offset = offsets(n0 + 4u * LANES, group);
        for (var k8 = group * (GROUP / 8u); k8 < group_end(group); k8++) {
            let x_both = x4((m0 + lane % half) * (K / 4u) + 2u * k8 + lane / half);
            add_halves(&group_left, x_both, columns(left_place, k8, left_offset));
            if (WIDE) {
                add_halves(&group_right, x_both, columns(right_place, k8, right_offset));
            }
        }
        add_group(&left, &group_left, scales(n0, group));
        if (WIDE) {
            add_group(&right, &group_right, scales(n0 + 4u * LANES, group));
        }
    }
    store_tile(&left, &right, m0, n0);
}

// One half of the inputs after the other: as many weights as stay in registers beside the sums.
fn add_halves(sums: ptr<function, Sums>, x: vec4<f32>, w: Columns) {
    add_products(sums, x, 0u, w.lo);
    add_products(sums, x, LANES / 2u, w.hi);
}
