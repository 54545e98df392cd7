// Matrix product for GPUs, few rows: up to 8 rows and 4 columns per workgroup, parallel along K.
//
// With so few rows the weights are read once and the product waits for memory, so each lane takes
// every LANES-th group of eight inputs, uses a load of x for four columns, and the partial sums meet
// in workgroup memory. Rows are named one by one: an array that is indexed in a loop leaves the
// registers. The tiles of the same columns run side by side: one of them reads the weights
// from memory, the others from the cache.

override LANES: u32;         // a multiple of 32
override STEPS: u32;         // groups of eight inputs that a lane takes, at most
override HEIGHT: u32;        // rows of a tile: 4 or 8
override PARTIAL: u32;       // (HEIGHT + others()) * LANES
const PARTS = 8u;            // lanes that sum a row of partial sums

var<private> s: array<vec4<f32>, 8>;                 // sums of the rows
var<workgroup> partial: array<vec4<f32>, PARTIAL>;   // [HEIGHT + others(), LANES]

@compute @workgroup_size(LANES)
fn matmul_rows(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group.y * groups.x + group.x;
    let m0 = index % groups.y * HEIGHT;
    let tile = index / groups.y;
    for (var step = 0u; step < STEPS; step++) {
        let k8 = lane + step * LANES;
        if (STEPS * LANES == K / 8u || k8 < K / 8u) {
            add(m0, tile, k8, step == 0u);
        }
    }
    meet(lane);
    meet_rows(lane);
    workgroupBarrier();
    // PARTS lanes sum a row, neighbours neighbours.
    for (var i = lane; i < PARTS * (HEIGHT + others()); i += LANES) {
        let row = i / PARTS * LANES;
        var sum = vec4(0.0);
        for (var j = i % PARTS; j < LANES; j += PARTS) {
            sum += partial[row + j];
        }
        partial[row + i % PARTS] = sum;
    }
    workgroupBarrier();
    if (lane < HEIGHT) {
        store_columns(m0 + lane, tile, ended(lane, met(lane)));
    }
}

// Row r of the partial sums.
fn met(r: u32) -> vec4<f32> {
    var sum = vec4(0.0);
    for (var i = 0u; i < PARTS; i++) {
        sum += partial[r * LANES + i];
    }
    return sum;
}

// Adds the products of eight inputs.
fn add(m0: u32, tile: u32, k8: u32, is_first: bool) {
    let w = four_columns(tile, k8);
    let i = m0 * (K / 4u) + 2u * k8;
    add_row(0u, i, k8, is_first, w);
    add_row(1u, i, k8, is_first, w);
    add_row(2u, i, k8, is_first, w);
    add_row(3u, i, k8, is_first, w);
    if (HEIGHT > 4u) {
        add_row(4u, i, k8, is_first, w);
        add_row(5u, i, k8, is_first, w);
        add_row(6u, i, k8, is_first, w);
        add_row(7u, i, k8, is_first, w);
    }
}

fn add_row(r: u32, i: u32, k8: u32, is_first: bool, w: Columns) {
    let x = given(r, i + r * (K / 4u), k8, is_first);
    s[r] = fma(vec4(x.lo.x), w.lo[0], s[r]);
    s[r] = fma(vec4(x.lo.y), w.lo[1], s[r]);
    s[r] = fma(vec4(x.lo.z), w.lo[2], s[r]);
    s[r] = fma(vec4(x.lo.w), w.lo[3], s[r]);
    s[r] = fma(vec4(x.hi.x), w.hi[0], s[r]);
    s[r] = fma(vec4(x.hi.y), w.hi[1], s[r]);
    s[r] = fma(vec4(x.hi.z), w.hi[2], s[r]);
    s[r] = fma(vec4(x.hi.w), w.hi[3], s[r]);
}

// Inputs 8 * k8 .. 8 * k8 + 8 of the four columns of a tile, input by input.
fn four_columns(tile: u32, k8: u32) -> Columns {
    let w0 = weighed(column(tile, 0u), k8, 0u);
    let w1 = weighed(column(tile, 1u), k8, 1u);
    let w2 = weighed(column(tile, 2u), k8, 2u);
    let w3 = weighed(column(tile, 3u), k8, 3u);
    let w = columns_of(w0, w1, w2, w3);
    return Columns(transpose(w.lo), transpose(w.hi));
}

// Writes the lane's sums.
fn meet_rows(lane: u32) {
    meet_row(0u, lane);
    meet_row(1u, lane);
    meet_row(2u, lane);
    meet_row(3u, lane);
    if (HEIGHT > 4u) {
        meet_row(4u, lane);
        meet_row(5u, lane);
        meet_row(6u, lane);
        meet_row(7u, lane);
    }
}
