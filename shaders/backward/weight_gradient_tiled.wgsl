// Gradient of a product's weight, for GPUs: dw += dy^T x, 64 x 64 tiles staged in workgroup memory, 4 x 4
// sums in the registers of each of 256 invocations. dw is small and the rows are many, so shares of the
// rows go to workgroups of their own; weight_gradient_merge adds what they find.

override T: u32;             // rows
override N: u32;             // rows of dw
override DY_STRIDE: u32;     // columns of dy, a multiple of 4
override K: u32;             // columns of x and dw, a multiple of 4
override SHARE: u32;         // rows of a share, a multiple of 16
override ADD: bool;          // y is dw, which is added to; else the shares' sums

@group(0) @binding(0) var<storage, read> dy: array<vec4<f32>>;          // [T, DY_STRIDE]
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;           // [T, K]
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;     // [shares, N, K]

const TILE_T = 16u;
var<workgroup> dy_tile: array<vec4<f32>, 256>;   // [TILE_T, 64]
var<workgroup> x_tile: array<vec4<f32>, 256>;    // [TILE_T, 64]

@compute @workgroup_size(256)
fn weight_gradient_tiled(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let n = tile.y * 64u + lane / 16u * 4u;
    let k = tile.x * 64u + lane % 16u * 4u;
    let end = min(T, (tile.z + 1u) * SHARE);
    var s0 = vec4(0.0);
    var s1 = vec4(0.0);
    var s2 = vec4(0.0);
    var s3 = vec4(0.0);
    for (var t0 = tile.z * SHARE; t0 < end; t0 += TILE_T) {
        let t = t0 + lane / 16u;
        let column = tile.y * 64u + lane % 16u * 4u;
        var from_dy = vec4(0.0);
        var from_x = vec4(0.0);
        if (t < end && column < DY_STRIDE) {
            from_dy = dy[(t * DY_STRIDE + column) / 4u];
        }
        if (t < end && k < K) {
            from_x = x[(t * K + k) / 4u];
        }
        dy_tile[lane] = from_dy;
        x_tile[lane] = from_x;
        workgroupBarrier();
        for (var i = 0u; i < TILE_T; i++) {
            let four = dy_tile[16u * i + lane / 16u];
            let columns = x_tile[16u * i + lane % 16u];
            s0 += four.x * columns;
            s1 += four.y * columns;
            s2 += four.z * columns;
            s3 += four.w * columns;
        }
        workgroupBarrier();
    }
    if (k >= K) {
        return;
    }
    store(tile.z, n, k, s0);
    store(tile.z, n + 1u, k, s1);
    store(tile.z, n + 2u, k, s2);
    store(tile.z, n + 3u, k, s3);
}

fn store(share: u32, n: u32, k: u32, sum: vec4<f32>) {
    if (n >= N) {
        return;
    }
    let i = ((share * N + n) * K + k) / 4u;
    if (ADD) {
        y[i] += sum;
    } else {
        y[i] = sum;
    }
}
