// Matrix product for software adapters: outer products of 8 rows, or 16, and four columns of each
// lane, or eight.
//
// A workgroup is one subgroup. Each lane loads eight numbers of its own row of x (of two rows, where 8
// lanes share 16) and of four rows of w, or eight; values of x then reach the other lanes by a
// shuffle with a constant index, on lavapipe one instruction where a load takes some fifty. Lane l
// owns columns 4l .. 4l + 4 of the tile, and of its right half. The largest form takes a second to
// compile.

override LANES: u32;         // of a subgroup, 8 or 16
override WIDE: bool;         // eight columns of each lane, else four
override TALL: bool;         // 16 rows, else 8
const HEIGHT = 8u;           // rows of a sum

@compute @workgroup_size(LANES)
fn matmul_outer(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let m0 = tile.y * select(8u, 16u, TALL);
    let n0 = tile.x * select(4u, 8u, WIDE) * LANES + 4u * lane;
    var top_left: Sums;          // columns n0 ..
    var bottom_left: Sums;       // rows 8 ..
    var top_right: Sums;         // columns n0 + 4 * LANES ..
    var bottom_right: Sums;
    begin(&top_left, n0);
    begin(&bottom_left, n0);
    if (WIDE) {
        begin(&top_right, n0 + 4u * LANES);
        begin(&bottom_right, n0 + 4u * LANES);
    }
    let left_place = place(n0);
    let right_place = place(n0 + 4u * LANES);
    for (var group = 0u; group < groups(); group++) {
        var group_top_left: Sums;
        var group_bottom_left: Sums;
        var group_top_right: Sums;
        var group_bottom_right: Sums;
        let left_offset = offsets(n0, group);
        let right_offset = offsets(n0 + 4u * LANES, group);
        for (var k8 = group * (GROUP / 8u); k8 < group_end(group); k8++) {
            let i = (m0 + lane) * (K / 4u) + 2u * k8;
            let top = Eight(x4(i), x4(i + 1u));
            var bottom = top;    // of 16 lanes the upper ones have the other rows
            if (TALL && LANES == 8u) {
                bottom = Eight(x4(i + 2u * K), x4(i + 2u * K + 1u));
            }
            let left = columns(left_place, k8, left_offset);
            add_eight(&group_top_left, &group_bottom_left, top, bottom, left);
            if (WIDE) {
                let right = columns(right_place, k8, right_offset);
                add_eight(&group_top_right, &group_bottom_right, top, bottom, right);
            }
        }
        let left_scale = scales(n0, group);
        add_group(&top_left, &group_top_left, left_scale);
        add_group(&bottom_left, &group_bottom_left, left_scale);
        if (WIDE) {
            let right_scale = scales(n0 + 4u * LANES, group);
            add_group(&top_right, &group_top_right, right_scale);
            add_group(&bottom_right, &group_bottom_right, right_scale);
        }
    }
    store_tile(&top_left, &top_right, m0, n0);
    if (TALL) {
        store_tile(&bottom_left, &bottom_right, m0 + 8u, n0);
    }
}

// Four inputs after the others: as many weights as stay in registers beside the sums.
fn add_eight(
    above: ptr<function, Sums>,
    below: ptr<function, Sums>,
    top: Eight,
    bottom: Eight,
    w: Columns,
) {
    add_products(above, top.lo, 0u, w.lo);
    if (TALL) {
        add_products(below, bottom.lo, LANES - 8u, w.lo);
    }
    add_products(above, top.hi, 0u, w.hi);
    if (TALL) {
        add_products(below, bottom.hi, LANES - 8u, w.hi);
    }
}
