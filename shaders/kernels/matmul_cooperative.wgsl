enable f16;
enable wgpu_cooperative_matrix;

// Matrix product for GPUs with matrix units, many rows: tiles of 4 x 4 units staged in workgroup
// memory, 2 x 2 of them summed by each of four subgroups. Both factors are rounded to f16, the
// sums are f32.

const TILE = 4u * UNIT;      // rows and columns
const TILE_K = 2u * UNIT;
const LARGEST: f32 = 65504.0;    // f16
override LANES: u32;         // four subgroups

var<workgroup> x_tile: array<f16, TILE * TILE_K>;    // [TILE, TILE_K]
var<workgroup> w_tile: array<f16, TILE * TILE_K>;    // [TILE, TILE_K]
var<workgroup> sums: array<f32, TILE * TILE>;        // [TILE, TILE]

@compute @workgroup_size(LANES)
fn matmul_cooperative(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    let m0 = tile.y * TILE;
    let n0 = tile.x * TILE;
    let row = subgroup / 2u * 2u * UNIT;
    let column = subgroup % 2u * 2u * UNIT;
    var s00: UnitSum;
    var s01: UnitSum;
    var s10: UnitSum;
    var s11: UnitSum;
    for (var k0 = 0u; k0 < K; k0 += TILE_K) {
        stage(m0, n0, k0, lane);
        workgroupBarrier();
        for (var k = 0u; k < TILE_K; k += UNIT) {
            let x0 = coopLoadT<UnitX>(&x_tile[row * TILE_K + k], TILE_K);
            let x1 = coopLoadT<UnitX>(&x_tile[(row + UNIT) * TILE_K + k], TILE_K);
            let w0 = coopLoad<UnitW>(&w_tile[column * TILE_K + k], TILE_K);
            let w1 = coopLoad<UnitW>(&w_tile[(column + UNIT) * TILE_K + k], TILE_K);
            s00 = coopMultiplyAdd(x0, w0, s00);
            s01 = coopMultiplyAdd(x0, w1, s01);
            s10 = coopMultiplyAdd(x1, w0, s10);
            s11 = coopMultiplyAdd(x1, w1, s11);
        }
        workgroupBarrier();
    }
    let at = row * TILE + column;
    coopStoreT(s00, &sums[at], TILE);
    coopStoreT(s01, &sums[at + UNIT], TILE);
    coopStoreT(s10, &sums[at + UNIT * TILE], TILE);
    coopStoreT(s11, &sums[at + UNIT * TILE + UNIT], TILE);
    workgroupBarrier();
    for (var i = 4u * lane; i < TILE * TILE; i += 4u * LANES) {
        let n = n0 + i % TILE;
        let sum = vec4(sums[i], sums[i + 1u], sums[i + 2u], sums[i + 3u]);
        store4(m0 + i / TILE, n, bias4(n) + sum);
    }
}

// Fetches eight numbers of x and eight of w at a time; zeros beyond K.
fn stage(m0: u32, n0: u32, k0: u32, lane: u32) {
    for (var i = 8u * lane; i < TILE * TILE_K; i += 8u * LANES) {
        let k = k0 + i % TILE_K;
        var x = Eight(vec4(0.0), vec4(0.0));
        var w = x;
        if (k < K) {
            let at = ((m0 + i / TILE_K) * K + k) / 4u;
            x = Eight(x4(at), x4(at + 1u));
            w = weights(n0 + i / TILE_K, k / 8u);
        }
        for (var j = 0u; j < 4u; j++) {
            x_tile[i + j] = rounded(x.lo[j]);
            x_tile[i + 4u + j] = rounded(x.hi[j]);
            w_tile[i + j] = f16(w.lo[j]);
            w_tile[i + 4u + j] = f16(w.hi[j]);
        }
    }
}

// Large numbers become the largest; what is none stays so, by its bits: an exponent of ones.
fn rounded(x: f32) -> f16 {
    let is_none = (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u;
    return f16(select(clamp(x, -LARGEST, LARGEST), x, is_none));
}
