// Matrix product for software adapters: outer products of 16 rows and 32 columns, or 64.
//
// As matmul_outer8, but a load of w serves twice as many rows. The sums stand in arrays of 8, since
// drivers unroll loops of 8 and would keep longer arrays out of registers; a loop multiplies with
// 16 numbers of each lane, as many as stay in registers beside the sums. The wide form takes twice
// as long to compile.

override WIDE: bool;         // 64 columns, else 32

// Sums of eight rows and four columns.
alias Sums = array<vec4<f32>, 8>;

@compute @workgroup_size(8)
fn matmul_outer16(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let m0 = tile.y * 16u;
    let n0 = tile.x * select(32u, 64u, WIDE) + 4u * lane;
    var top_left: Sums;          // [row of the tile], columns n0 ..
    var bottom_left: Sums;       // rows 8 ..
    var top_right: Sums;         // columns n0 + 32 ..
    var bottom_right: Sums;
    for (var r = 0u; r < 8u; r++) {
        top_left[r] = bias4(n0);
        bottom_left[r] = bias4(n0);
        if (WIDE) {
            top_right[r] = bias4(n0 + 32u);
            bottom_right[r] = bias4(n0 + 32u);
        }
    }
    for (var k8 = 0u; k8 < K / 8u; k8++) {
        let i = (m0 + lane) * (K / 4u) + 2u * k8;
        let top = Eight(x4(i), x4(i + 1u));
        let bottom = Eight(x4(i + 2u * K), x4(i + 2u * K + 1u));
        let left = columns(n0, k8);
        add_products(&top_left, top.lo, left.lo);
        add_products(&bottom_left, bottom.lo, left.lo);
        add_products(&top_left, top.hi, left.hi);
        add_products(&bottom_left, bottom.hi, left.hi);
        if (WIDE) {
            let right = columns(n0 + 32u, k8);
            add_products(&top_right, top.lo, right.lo);
            add_products(&bottom_right, bottom.lo, right.lo);
            add_products(&top_right, top.hi, right.hi);
            add_products(&bottom_right, bottom.hi, right.hi);
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

fn add_products(sums: ptr<function, Sums>, x: vec4<f32>, w: mat4x4<f32>) {
    for (var r = 0u; r < 8u; r++) {
        (*sums)[r] += subgroupShuffle(x, r) * w;
    }
}
