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
        let w0 = weights(column(tile.x, 0u), k8);
        let w1 = weights(column(tile.x, 1u), k8);
        let w2 = weights(column(tile.x, 2u), k8);
        let w3 = weights(column(tile.x, 3u), k8);
        let lo = mat4x4(w0.lo, w1.lo, w2.lo, w3.lo);
        let hi = mat4x4(w0.hi, w1.hi, w2.hi, w3.hi);
        let row = K / 4u;
        let i = m0 * row + 2u * k8;
        s0 += x4(i) * lo + x4(i + 1u) * hi;
        s1 += x4(i + row) * lo + x4(i + row + 1u) * hi;
        s2 += x4(i + 2u * row) * lo + x4(i + 2u * row + 1u) * hi;
        s3 += x4(i + 3u * row) * lo + x4(i + 3u * row + 1u) * hi;
        s4 += x4(i + 4u * row) * lo + x4(i + 4u * row + 1u) * hi;
        s5 += x4(i + 5u * row) * lo + x4(i + 5u * row + 1u) * hi;
        s6 += x4(i + 6u * row) * lo + x4(i + 6u * row + 1u) * hi;
        s7 += x4(i + 7u * row) * lo + x4(i + 7u * row + 1u) * hi;
    }
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
        store_columns(m0 + lane, tile.x, sum);
    }
}
