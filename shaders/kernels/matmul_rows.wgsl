// Matrix product for GPUs, few rows: 8 rows and 4 columns per workgroup, parallel along K.
//
// With so few rows the weights are read once and the product waits for memory, so each of the 32
// lanes takes every 32nd group of eight inputs, uses a load of x for four columns, and the
// partial sums meet in workgroup memory.

const LANES = 32u;
var<workgroup> partial: array<vec4<f32>, 256>;   // [8 rows, LANES]

@compute @workgroup_size(32)
fn matmul_rows(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let m0 = tile.y * 8u;
    var s0 = vec4(0.0);
    var s1 = vec4(0.0);
    var s2 = vec4(0.0);
    var s3 = vec4(0.0);
    var s4 = vec4(0.0);
    var s5 = vec4(0.0);
    var s6 = vec4(0.0);
    var s7 = vec4(0.0);
    for (var k8 = lane; k8 < K / 8u; k8 += LANES) {
        let w = four_columns(tile.x, k8);
        let row = K / 4u;
        let i = m0 * row + 2u * k8;
        let is_first = k8 == lane;
        s0 += times(given(0u, i, k8, is_first), w);
        s1 += times(given(1u, i + row, k8, is_first), w);
        s2 += times(given(2u, i + 2u * row, k8, is_first), w);
        s3 += times(given(3u, i + 3u * row, k8, is_first), w);
        s4 += times(given(4u, i + 4u * row, k8, is_first), w);
        s5 += times(given(5u, i + 5u * row, k8, is_first), w);
        s6 += times(given(6u, i + 6u * row, k8, is_first), w);
        s7 += times(given(7u, i + 7u * row, k8, is_first), w);
    }
    meet(lane);
    partial[lane] = s0;
    partial[LANES + lane] = s1;
    partial[2u * LANES + lane] = s2;
    partial[3u * LANES + lane] = s3;
    partial[4u * LANES + lane] = s4;
    partial[5u * LANES + lane] = s5;
    partial[6u * LANES + lane] = s6;
    partial[7u * LANES + lane] = s7;
    workgroupBarrier();
    if (lane < 8u) {
        var sum = vec4(0.0);
        for (var i = 0u; i < LANES; i++) {
            sum += partial[lane * LANES + i];
        }
        store_columns(m0 + lane, tile.x, ended(lane, sum));
    }
}

// Inputs 8 * k8 .. 8 * k8 + 8 of the four columns of a tile.
fn four_columns(tile: u32, k8: u32) -> Columns {
    let w0 = weighed(column(tile, 0u), k8, 0u);
    let w1 = weighed(column(tile, 1u), k8, 1u);
    let w2 = weighed(column(tile, 2u), k8, 2u);
    let w3 = weighed(column(tile, 3u), k8, 3u);
    return columns_of(w0, w1, w2, w3);
}

fn times(x: Eight, w: Columns) -> vec4<f32> {
    return x.lo * w.lo + x.hi * w.hi;
}
