// Matrix product for GPUs, many rows: tiles staged in workgroup memory, 8 x 8 sums in the registers
// of each invocation; the next tiles are fetched while these are multiplied. Small tiles are summed by
// several slices of a workgroup, each with a share of the inputs, since GPUs have more lanes than
// they have tiles.

override TILE_M: u32;        // rows, 32, 64 or 128
override TILE_N: u32;        // columns, likewise
override HALF: u32;          // TILE_N / 2, the columns between the two vectors of sums of a lane
override TILE_K: u32;        // inputs, 16, 32 or 64
override SLICES: u32;        // at most TILE_K / 4
override LANES: u32;         // SLICES * TILE_M * TILE_N / 64
override X_STAGED: u32;      // TILE_M * (TILE_K / 4 + 1)
override W_STAGED: u32;      // TILE_N * (TILE_K / 4 + 1)

var<workgroup> x_tile: array<vec4<f32>, X_STAGED>;   // [TILE_M, TILE_K / 4 + 1], padded
var<workgroup> w_tile: array<vec4<f32>, W_STAGED>;   // [TILE_N, TILE_K / 4 + 1], see stage_w

@compute @workgroup_size(LANES)
fn matmul_tiled(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let m0 = tile.y * TILE_M;
    let n0 = tile.x * TILE_N;
    let slice = lane / (TILE_M * TILE_N / 64u);
    // Neighbouring lanes have four rows of sums and up to eight columns.
    let in_slice = lane % (TILE_M * TILE_N / 64u);
    let across = min(TILE_N / 8u, 8u);
    let square = in_slice / (4u * across);
    let column = square % (TILE_N / 8u / across) * across + in_slice % across;
    let row = square / (TILE_N / 8u / across) * 4u + in_slice / across % 4u;
    var s0: Eight;
    var s1: Eight;
    var s2: Eight;
    var s3: Eight;
    var s4: Eight;
    var s5: Eight;
    var s6: Eight;
    var s7: Eight;
    var next = fetch(m0, n0, 0u, lane);
    for (var k0 = 0u; k0 < K; k0 += TILE_K) {
        stage(next, lane);
        workgroupBarrier();
        if (k0 + TILE_K < K) {
            next = fetch(m0, n0, k0 + TILE_K, lane);
        }
        for (var k4 = slice; k4 < TILE_K / 4u; k4 += SLICES) {
            let a = four(column, k4);
            let b = four(column + TILE_N / 8u, k4);
            let i = row * (TILE_K / 4u + 1u) + k4;
            let down = TILE_M / 8u * (TILE_K / 4u + 1u);
            s0 = add(s0, x_tile[i], a, b);
            s1 = add(s1, x_tile[i + down], a, b);
            s2 = add(s2, x_tile[i + 2u * down], a, b);
            s3 = add(s3, x_tile[i + 3u * down], a, b);
            s4 = add(s4, x_tile[i + 4u * down], a, b);
            s5 = add(s5, x_tile[i + 5u * down], a, b);
            s6 = add(s6, x_tile[i + 6u * down], a, b);
            s7 = add(s7, x_tile[i + 7u * down], a, b);
        }
        workgroupBarrier();
    }
    let at = vec2(m0 + row, n0 + 4u * column);
    let down = vec2(TILE_M / 8u, 0u);
    finish(at, s0, slice, in_slice);
    finish(at + down, s1, slice, in_slice);
    finish(at + 2u * down, s2, slice, in_slice);
    finish(at + 3u * down, s3, slice, in_slice);
    finish(at + 4u * down, s4, slice, in_slice);
    finish(at + 5u * down, s5, slice, in_slice);
    finish(at + 6u * down, s6, slice, in_slice);
    finish(at + 7u * down, s7, slice, in_slice);
}

// Inputs 4 * k4 .. of the staged columns 4 * column .., input by input.
fn four(column: u32, k4: u32) -> mat4x4<f32> {
    let i = column * (TILE_K / 4u + 1u) + k4;
    let next = TILE_N / 4u * (TILE_K / 4u + 1u);
    let columns = mat4x4(w_tile[i], w_tile[i + next], w_tile[i + 2u * next], w_tile[i + 3u * next]);
    return transpose(columns);
}

// Adds to a row's sums of four columns, left and right. GPUs need one instruction for each of these, and
// two for a product and a sum.
fn add(sums: Eight, x: vec4<f32>, a: mat4x4<f32>, b: mat4x4<f32>) -> Eight {
    var s = sums;
    s.lo = fma(vec4(x.x), a[0], s.lo);
    s.lo = fma(vec4(x.y), a[1], s.lo);
    s.lo = fma(vec4(x.z), a[2], s.lo);
    s.lo = fma(vec4(x.w), a[3], s.lo);
    s.hi = fma(vec4(x.x), b[0], s.hi);
    s.hi = fma(vec4(x.y), b[1], s.hi);
    s.hi = fma(vec4(x.z), b[2], s.hi);
    s.hi = fma(vec4(x.w), b[3], s.hi);
    return s;
}

// Sums a row's sums over the slices, of which the first one ends them.
fn finish(at: vec2<u32>, sums: Eight, slice: u32, in_slice: u32) {
    var sum = sums;
    if (SLICES > 1u) {
        let lanes = TILE_M * TILE_N / 64u;
        let i = slice * lanes + in_slice;
        if (slice > 0u) {
            x_tile[i - lanes] = sums.lo;
            w_tile[i - lanes] = sums.hi;
        }
        workgroupBarrier();
        for (var j = 0u; j < SLICES - 1u; j++) {
            let other = j * lanes + in_slice;
            sum = Eight(sum.lo + x_tile[other], sum.hi + w_tile[other]);
        }
        workgroupBarrier();
    }
    if (slice == 0u) {
        store_pair(at.x, at.y, at.y + HALF, sum.lo, sum.hi);
    }
}
