// Matrix product for GPUs, few rows: up to 16 rows and 4 columns per workgroup, parallel along K.
//
// With so few rows the weights are read once and the product waits for memory, so each lane takes
// every LANES-th group of eight inputs, uses a load of x for four columns, and the partial sums meet
// in workgroup memory, those of eight rows at a time. Rows are named one by one: an array that is
// indexed in a loop leaves the registers. The tiles of the same columns run side by side: one of them
// reads the weights from memory, the others from the cache.

override LANES: u32;         // a multiple of 32
override STEPS: u32;         // groups of eight inputs that a lane takes, at most
override HEIGHT: u32;        // rows of a tile: 4, 8, 12 or 16
override MEETING: u32;       // rows whose sums meet at a time: 4 or 8
override PARTIAL: u32;       // (MEETING + others()) * LANES
const PARTS = 8u;            // lanes that sum a row of partial sums

var<private> s: array<vec4<f32>, 16>;                // sums of the rows
var<workgroup> partial: array<vec4<f32>, PARTIAL>;   // [MEETING + others(), LANES]

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
    end_rows(0u, m0, tile, lane);
    if (HEIGHT > 8u) {
        workgroupBarrier();
        end_rows(8u, m0, tile, lane);
    }
}

// Ends the sums of up to eight rows, those from `r0` on.
fn end_rows(r0: u32, m0: u32, tile: u32, lane: u32) {
    meet(r0, lane);
    meet_four(r0, lane);
    if (HEIGHT > r0 + 4u) {
        meet_four(r0 + 4u, lane);
    }
    workgroupBarrier();
    // PARTS lanes sum a row, neighbours neighbours.
    for (var i = lane; i < PARTS * (MEETING + others()); i += LANES) {
        let row = i / PARTS * LANES;
        var sum = vec4(0.0);
        for (var j = i % PARTS; j < LANES; j += PARTS) {
            sum += partial[row + j];
        }
        partial[row + i % PARTS] = sum;
    }
    workgroupBarrier();
    if (lane < MEETING && r0 + lane < HEIGHT) {
        store_columns(m0 + r0 + lane, tile, ended(lane, met(lane)));
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
    add_four(0u, i, k8, is_first, w);
    if (HEIGHT > 4u) {
        add_four(4u, i, k8, is_first, w);
    }
    if (HEIGHT > 8u) {
        add_four(8u, i, k8, is_first, w);
    }
    if (HEIGHT > 12u) {
        add_four(12u, i, k8, is_first, w);
    }
}

fn add_four(r: u32, i: u32, k8: u32, is_first: bool, w: Columns) {
    add_row(r, i, k8, is_first, w);
    add_row(r + 1u, i, k8, is_first, w);
    add_row(r + 2u, i, k8, is_first, w);
    add_row(r + 3u, i, k8, is_first, w);
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

// Writes the lane's sums of four rows.
fn meet_four(r: u32, lane: u32) {
    meet_row(r, lane);
    meet_row(r + 1u, lane);
    meet_row(r + 2u, lane);
    meet_row(r + 3u, lane);
}
