enable f16;
enable wgpu_cooperative_matrix;

// Matrix product for GPUs with matrix units, many rows: tiles staged in workgroup memory, of which
// each subgroup sums 2 x 4 squares; the next tiles are fetched while these are multiplied. Both factors
// are rounded to f16, the sums are f32. NVIDIA's compiler fails on squares that are loaded from vectors
// of words.

override LANES: u32;         // all subgroups of a workgroup
override DOWN: u32;          // subgroups below one another: a tile has 2 * DOWN * UNIT rows
override ACROSS: u32;        // side by side: a tile has 4 * ACROSS * UNIT columns
override X_FOURS: u32;       // of a tile of x: 2 * DOWN * UNIT * TILE_K / 4, at most 4 * LANES
override W_EIGHTS: u32;      // of a tile of w: 4 * ACROSS * UNIT * TILE_K / 8, at most 4 * LANES
override X_STAGED: u32;      // 2 * DOWN * UNIT * STRIDE
override W_STAGED: u32;      // 4 * ACROSS * UNIT * STRIDE
override SUMS: u32;          // DOWN * ACROSS * UNIT * 2 * UNIT

const TILE_K = 2u * UNIT;
const HALF = UNIT;                   // columns between the two vectors of sums that a lane ends
const STRIDE = TILE_K / 4u + 2u;     // vectors of a staged row, padded against bank conflicts
const LARGEST: f32 = 65504.0;        // f16

var<workgroup> x_tile: array<vec4<f16>, X_STAGED>;   // [2 * DOWN * UNIT, STRIDE]
var<workgroup> w_tile: array<vec4<f16>, W_STAGED>;   // [4 * ACROSS * UNIT, STRIDE]
var<workgroup> sums: array<f32, SUMS>;               // [DOWN * ACROSS, UNIT, 2 * UNIT]

@compute @workgroup_size(LANES)
fn matmul_cooperative(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    let m0 = tile.y * 2u * DOWN * UNIT;
    let n0 = tile.x * 4u * ACROSS * UNIT;
    let row = subgroup / ACROSS * 2u * UNIT;
    let column = subgroup % ACROSS * 4u * UNIT;
    var s00: UnitSum;
    var s01: UnitSum;
    var s02: UnitSum;
    var s03: UnitSum;
    var s10: UnitSum;
    var s11: UnitSum;
    var s12: UnitSum;
    var s13: UnitSum;
    var next = fetch(m0, n0, 0u, lane);
    for (var k0 = 0u; k0 < K; k0 += TILE_K) {
        stage(next, lane);
        workgroupBarrier();
        if (k0 + TILE_K < K) {
            next = fetch(m0, n0, k0 + TILE_K, lane);
        }
        for (var k = 0u; k < TILE_K; k += UNIT) {
            let x = row * STRIDE + k / 4u;
            let w = column * STRIDE + k / 4u;
            let x0 = coopLoadT<UnitX>(&x_tile[x], STRIDE);
            let x1 = coopLoadT<UnitX>(&x_tile[x + UNIT * STRIDE], STRIDE);
            let w0 = coopLoad<UnitW>(&w_tile[w], STRIDE);
            let w1 = coopLoad<UnitW>(&w_tile[w + UNIT * STRIDE], STRIDE);
            let w2 = coopLoad<UnitW>(&w_tile[w + 2u * UNIT * STRIDE], STRIDE);
            let w3 = coopLoad<UnitW>(&w_tile[w + 3u * UNIT * STRIDE], STRIDE);
            s00 = coopMultiplyAdd(x0, w0, s00);
            s01 = coopMultiplyAdd(x0, w1, s01);
            s02 = coopMultiplyAdd(x0, w2, s02);
            s03 = coopMultiplyAdd(x0, w3, s03);
            s10 = coopMultiplyAdd(x1, w0, s10);
            s11 = coopMultiplyAdd(x1, w1, s11);
            s12 = coopMultiplyAdd(x1, w2, s12);
            s13 = coopMultiplyAdd(x1, w3, s13);
        }
        workgroupBarrier();
    }
    let own = subgroup * UNIT * 2u * UNIT;
    coopStoreT(s00, &sums[own], 2u * UNIT);
    coopStoreT(s01, &sums[own + UNIT], 2u * UNIT);
    finish(m0 + row, n0 + column, own, lane);
    coopStoreT(s02, &sums[own], 2u * UNIT);
    coopStoreT(s03, &sums[own + UNIT], 2u * UNIT);
    finish(m0 + row, n0 + column + 2u * UNIT, own, lane);
    coopStoreT(s10, &sums[own], 2u * UNIT);
    coopStoreT(s11, &sums[own + UNIT], 2u * UNIT);
    finish(m0 + row + UNIT, n0 + column, own, lane);
    coopStoreT(s12, &sums[own], 2u * UNIT);
    coopStoreT(s13, &sums[own + UNIT], 2u * UNIT);
    finish(m0 + row + UNIT, n0 + column + 2u * UNIT, own, lane);
}

// Ends the sums of two squares of a subgroup side by side.
fn finish(m: u32, n: u32, own: u32, lane: u32) {
    workgroupBarrier();
    let lanes = LANES / (DOWN * ACROSS);
    for (var i = 4u * (lane % lanes); i < UNIT * UNIT; i += 4u * lanes) {
        let row = i / UNIT;
        let left = n + i % UNIT;
        let at = own + row * 2u * UNIT + i % UNIT;
        store_pair(m + row, left, left + HALF, four_sums(at), four_sums(at + HALF));
    }
    workgroupBarrier();
}

fn four_sums(i: u32) -> vec4<f32> {
    return vec4(sums[i], sums[i + 1u], sums[i + 2u], sums[i + 3u]);
}
