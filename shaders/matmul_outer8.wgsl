// Matrix product for software adapters: outer products of 8 rows and 32 columns, or 64.
//
// A workgroup is one subgroup of 8 lanes. Each lane loads eight numbers of its own row of x and of
// four rows of w, or eight; values of x then reach the other lanes by a shuffle with a constant
// index, on lavapipe one instruction where a load takes some fifty. Lane l owns columns 4l .. 4l + 4
// of the tile, and of its right half.

override WIDE: bool;         // 64 columns, else 32
const HEIGHT = 8u;           // rows of a sum

@compute @workgroup_size(8)
fn matmul_outer8(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let m0 = tile.y * 8u;
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
            let i = (m0 + lane) * (K / 4u) + 2u * k8;
            let x = Eight(x4(i), x4(i + 1u));
            let a = columns(left_place, k8);
            add_products(&group_left, x.lo, a.lo);
            add_products(&group_left, x.hi, a.hi);
            if (WIDE) {
                let b = columns(right_place, k8);
                add_products(&group_right, x.lo, b.lo);
                add_products(&group_right, x.hi, b.hi);
            }
        }
        add_group(&left, &group_left, scales(n0, group));
        if (WIDE) {
            add_group(&right, &group_right, scales(n0 + 32u, group));
        }
    }
    store_tile(&left, &right, m0, n0);
}
