// Matrix product for GPUs, many rows: 64 x 64 tiles staged in workgroup memory, 4 x 4 sums in
// the registers of each of 256 invocations. Rows of the staged tiles are padded against bank
// conflicts.

const TILE_K = 16u;
const STRIDE = 68u;          // 64 rows or columns, padded
var<workgroup> x_tile: array<f32, 1088>;   // [TILE_K, STRIDE]
var<workgroup> w_tile: array<f32, 1088>;   // [TILE_K, STRIDE]

@compute @workgroup_size(256)
fn matmul_tiled(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let m0 = tile.y * 64u;
    let n0 = tile.x * 64u;
    let column = lane % 16u * 4u;
    let row = lane / 16u * 4u;
    var s0 = bias4(n0 + column);
    var s1 = s0;
    var s2 = s0;
    var s3 = s0;
    for (var k0 = 0u; k0 < K; k0 += TILE_K) {
        stage(m0, n0, k0, lane);
        workgroupBarrier();
        for (var k = 0u; k < TILE_K; k++) {
            let i = k * STRIDE + column;
            let w4 = vec4(w_tile[i], w_tile[i + 1u], w_tile[i + 2u], w_tile[i + 3u]);
            let j = k * STRIDE + row;
            s0 += x_tile[j] * w4;
            s1 += x_tile[j + 1u] * w4;
            s2 += x_tile[j + 2u] * w4;
            s3 += x_tile[j + 3u] * w4;
        }
        workgroupBarrier();
    }
    store4(m0 + row, n0 + column, s0);
    store4(m0 + row + 1u, n0 + column, s1);
    store4(m0 + row + 2u, n0 + column, s2);
    store4(m0 + row + 3u, n0 + column, s3);
}

// All lanes fetch four activations each; zeros beyond K.
fn stage(m0: u32, n0: u32, k0: u32, lane: u32) {
    let k4 = lane % 4u;
    var four = vec4(0.0);
    if (k0 + 4u * k4 < K) {
        four = x4((m0 + lane / 4u) * (K / 4u) + k0 / 4u + k4);
    }
    for (var i = 0u; i < 4u; i++) {
        x_tile[(4u * k4 + i) * STRIDE + lane / 4u] = four[i];
    }
    stage_weights(n0, k0, lane);
}
