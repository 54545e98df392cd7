// Matrix product for software adapters: outer products of 16 rows and 32 columns, or 64.
//
// As matmul_outer8, but a load of w serves twice as many rows. The wide form takes twice as long to
// compile.

override WIDE: bool;         // 64 columns, else 32
const HEIGHT = 8u;           // rows of a sum

@compute @workgroup_size(8)
fn matmul_outer16(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let m0 = tile.y * 16u;
    let n0 = tile.x * select(32u, 64u, WIDE) + 4u * lane;
    var top_left: Sums;          // columns n0 ..
    var bottom_left: Sums;       // rows 8 ..
    var top_right: Sums;         // columns n0 + 32 ..
    var bottom_right: Sums;
    begin(&top_left, n0);
    begin(&bottom_left, n0);
    if (WIDE) {
        begin(&top_right, n0 + 32u);
        begin(&bottom_right, n0 + 32u);
    }
    let left_place = place(n0);
    let right_place = place(n0 + 32u);
    for (var group = 0u; group < groups(); group++) {
        var group_top_left: Sums;
        var group_bottom_left: Sums;
        var group_top_right: Sums;
        var group_bottom_right: Sums;
        for (var k8 = group * (GROUP / 8u); k8 < group_end(group); k8++) {
            let i = (m0 + lane) * (K / 4u) + 2u * k8;
            let top = Eight(x4(i), x4(i + 1u));
            let bottom = Eight(x4(i + 2u * K), x4(i + 2u * K + 1u));
            let left = columns(left_place, k8);
            add_products(&group_top_left, top.lo, left.lo);
            add_products(&group_bottom_left, bottom.lo, left.lo);
            add_products(&group_top_left, top.hi, left.hi);
            add_products(&group_bottom_left, bottom.hi, left.hi);
            if (WIDE) {
                let right = columns(right_place, k8);
                add_products(&group_top_right, top.lo, right.lo);
                add_products(&group_bottom_right, bottom.lo, right.lo);
                add_products(&group_top_right, top.hi, right.hi);
                add_products(&group_bottom_right, bottom.hi, right.hi);
            }
        }
        let left_scale = scales(n0, group);
        add_group(&top_left, &group_top_left, left_scale);
        add_group(&bottom_left, &group_bottom_left, left_scale);
        if (WIDE) {
            let right_scale = scales(n0 + 32u, group);
            add_group(&top_right, &group_top_right, right_scale);
            add_group(&bottom_right, &group_bottom_right, right_scale);
        }
    }
    store_tile(&top_left, &top_right, m0, n0);
    store_tile(&bottom_left, &bottom_right, m0 + 8u, n0);
}
