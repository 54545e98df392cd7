// Product with a weight that is stored the other way round, [K, N] in f32, for GPUs: the gradient of a
// product's rows. 64 x 64 tiles staged in workgroup memory, 4 x 4 sums in the registers of each of 256
// invocations. Rows of the staged tiles are padded against bank conflicts.

override K: u32;             // rows of the table, a multiple of 8
override TABLE_STRIDE: u32;  // columns of the table, a multiple of 4

const TILE_K = 16u;
const STRIDE = 68u;          // 64 rows, padded
var<workgroup> x_tile: array<f32, 1088>;         // [TILE_K, STRIDE]
var<workgroup> w_tile: array<vec4<f32>, 256>;    // [TILE_K, 64]

@compute @workgroup_size(256)
fn matmul_transposed(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let m0 = tile.y * 64u;
    let n = tile.x * 64u + lane % 16u * 4u;
    let row = lane / 16u * 4u;
    var s0 = bias4(n);
    var s1 = s0;
    var s2 = s0;
    var s3 = s0;
    for (var k0 = 0u; k0 < K; k0 += TILE_K) {
        stage(m0, n, k0, lane);
        workgroupBarrier();
        for (var k = 0u; k < TILE_K; k++) {
            let w4 = w_tile[k * 16u + lane % 16u];
            let j = k * STRIDE + row;
            s0 += x_tile[j] * w4;
            s1 += x_tile[j + 1u] * w4;
            s2 += x_tile[j + 2u] * w4;
            s3 += x_tile[j + 3u] * w4;
        }
        workgroupBarrier();
    }
    store4(m0 + row, n, s0);
    store4(m0 + row + 1u, n, s1);
    store4(m0 + row + 2u, n, s2);
    store4(m0 + row + 3u, n, s3);
}

// All lanes fetch four activations, and four neighbouring columns of one row of the table; zeros beyond.
fn stage(m0: u32, n: u32, k0: u32, lane: u32) {
    let k4 = lane % 4u;
    var from_x = vec4(0.0);
    if (k0 + 4u * k4 < K) {
        from_x = x4((m0 + lane / 4u) * (K / 4u) + k0 / 4u + k4);
    }
    for (var i = 0u; i < 4u; i++) {
        x_tile[(4u * k4 + i) * STRIDE + lane / 4u] = from_x[i];
    }
    let k = k0 + lane / 16u;
    var from_table = vec4(0.0);
    if (k < K && n < TABLE_STRIDE) {
        from_table = bitcast<vec4<f32>>(words((k * TABLE_STRIDE + n) / 4u));
    }
    w_tile[lane] = from_table;
}
