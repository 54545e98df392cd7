// Gradient of a product's weight, for software adapters: dw += dy^T x, as outer products of 16 rows of
// dw, which are columns of dy, and four columns of each lane, or eight.
//
// A workgroup is one subgroup. Lane l loads 16 numbers of row t + l of dy, which reach the other lanes
// by shuffles with a constant index, see matmul_outer; of x it loads its own columns of all these rows.

override T: u32;             // rows
override N: u32;             // rows of dw
override DY_STRIDE: u32;     // columns of dy, a multiple of 4
override K: u32;             // columns of x and dw, a multiple of 4
override LANES: u32;         // of a subgroup, 8 or 16
override WIDE: bool;         // eight columns of each lane, else four
override DY_SKIPPED: u32;    // texels before the first row
override X_SKIPPED: u32;

@group(0) @binding(0) var dy: texture_storage_2d<rgba32uint, read>;        // [T, DY_STRIDE]
@group(0) @binding(1) var x: texture_storage_2d<rgba32uint, read>;         // [T, K]
@group(0) @binding(2) var<storage, read_write> dw: array<vec4<f32>>;       // [N, K]

alias Sums = array<vec4<f32>, 8>;

@compute @workgroup_size(LANES)
fn weight_gradient_outer(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let n0 = tile.y * 16u;
    let k0 = tile.x * select(4u, 8u, WIDE) * LANES + 4u * lane;
    let left = min(k0, K - 4u) / 4u;
    let right = min(k0 + 4u * LANES, K - 4u) / 4u;
    var top_left: Sums;          // columns k0 ..
    var bottom_left: Sums;       // rows n0 + 8 ..
    var top_right: Sums;         // columns k0 + 4 * LANES ..
    var bottom_right: Sums;
    for (var t0 = 0u; t0 < T; t0 += LANES) {
        let t = min(t0 + lane, T - 1u);
        let is_there = t0 + lane < T;
        let a = dy4(t, n0, is_there);
        let b = dy4(t, n0 + 4u, is_there);
        let c = dy4(t, n0 + 8u, is_there);
        let d = dy4(t, n0 + 12u, is_there);
        // With constants, so that shuffles are cheap.
        let places = vec2(left, right);
        add_four(&top_left, &bottom_left, &top_right, &bottom_right, a, b, c, d, 0u, t0, places);
        add_four(&top_left, &bottom_left, &top_right, &bottom_right, a, b, c, d, 4u, t0, places);
        if (LANES == 16u) {
            add_four(&top_left, &bottom_left, &top_right, &bottom_right, a, b, c, d, 8u, t0, places);
            add_four(&top_left, &bottom_left, &top_right, &bottom_right, a, b, c, d, 12u, t0, places);
        }
    }
    store(&top_left, n0, k0);
    store(&bottom_left, n0 + 8u, k0);
    if (WIDE) {
        store(&top_right, n0, k0 + 4u * LANES);
        store(&bottom_right, n0 + 8u, k0 + 4u * LANES);
    }
}

// Adds the products of rows t0 + first .. t0 + first + 4.
fn add_four(
    top_left: ptr<function, Sums>,
    bottom_left: ptr<function, Sums>,
    top_right: ptr<function, Sums>,
    bottom_right: ptr<function, Sums>,
    a: vec4<f32>,
    b: vec4<f32>,
    c: vec4<f32>,
    d: vec4<f32>,
    first: u32,
    t0: u32,
    places: vec2<u32>,
) {
    let left = four_rows(places.x, t0 + first);
    add_products(top_left, a, b, first, left);
    add_products(bottom_left, c, d, first, left);
    if (WIDE) {
        let right = four_rows(places.y, t0 + first);
        add_products(top_right, a, b, first, right);
        add_products(bottom_right, c, d, first, right);
    }
}

// Columns n .. n + 4 of a row of dy; zeros for rows and columns that are not there.
fn dy4(t: u32, n: u32, is_there: bool) -> vec4<f32> {
    let i = (t * DY_STRIDE + min(n, DY_STRIDE - 4u)) / 4u;
    let four = bitcast<vec4<f32>>(textureLoad(dy, texel(DY_SKIPPED + i)));
    return select(vec4(0.0), four, is_there && n < DY_STRIDE);
}

// This lane's four columns of rows t .. t + 4 of x, one after the other in each vector; rows behind the
// last are multiplied with zeros.
fn four_rows(column: u32, t: u32) -> mat4x4<f32> {
    return transpose(mat4x4(
        x_row(column, t),
        x_row(column, t + 1u),
        x_row(column, t + 2u),
        x_row(column, t + 3u),
    ));
}

fn x_row(column: u32, t: u32) -> vec4<f32> {
    let i = min(t, T - 1u) * (K / 4u) + column;
    return bitcast<vec4<f32>>(textureLoad(x, texel(X_SKIPPED + i)));
}

// Adds the products of eight columns of dy, of the rows that lanes from `first` on have.
fn add_products(
    sums: ptr<function, Sums>,
    low: vec4<f32>,
    high: vec4<f32>,
    first: u32,
    w: mat4x4<f32>,
) {
    for (var r = 0u; r < 8u; r++) {
        let number = select(high[r % 4u], low[r % 4u], r < 4u);
        let four = vec4(
            subgroupShuffle(number, first),
            subgroupShuffle(number, first + 1u),
            subgroupShuffle(number, first + 2u),
            subgroupShuffle(number, first + 3u),
        );
        (*sums)[r] += four * w;
    }
}

fn store(sums: ptr<function, Sums>, n: u32, k: u32) {
    if (k >= K) {
        return;
    }
    for (var r = 0u; r < 8u; r++) {
        if (n + r < N) {
            dw[((n + r) * K + k) / 4u] += (*sums)[r];
        }
    }
}
