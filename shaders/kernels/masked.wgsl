// Picks the rows of masked cells, which alone need logits: row r of y is that of the masked cell
// number r, and masked[r] says which it is. Where there are fewer, rows stay as they were. One
// workgroup per r.

override C: u32;             // channels, a multiple of 4
override CELLS: u32;         // rows that are cells
override MASK: u32;          // the mask token's id
override LANES: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;          // [T, C]
@group(0) @binding(1) var<storage, read> ids: array<u32>;              // [CELLS]
@group(0) @binding(2) var<storage, read_write> masked_cells: array<u32>;    // [R]
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;    // [R, C]

@compute @workgroup_size(LANES)
fn masked(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let r = group.x;
    var cell = NO_CELL;
    var before = 0u;
    for (var t = 0u; t < CELLS && cell == NO_CELL; t++) {
        if (ids[t] == MASK) {
            cell = select(NO_CELL, t, before == r);
            before += 1u;
        }
    }
    if (lane == 0u) {
        masked_cells[r] = cell;
    }
    if (cell == NO_CELL) {
        return;
    }
    for (var c = lane; c < C / 4u; c += LANES) {
        y[r * (C / 4u) + c] = x[cell * (C / 4u) + c];
    }
}
