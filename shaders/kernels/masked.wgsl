// Picks the rows that speak of masked cells, which alone need logits: row r of y is that of the cell
// number r among those that may open, and masked[r] says which it is. In each block these are the
// masked ones of the first window that has any. Where there are fewer, rows stay as they were. One
// workgroup per r.

override C: u32;             // channels, a multiple of 4
override CELLS: u32;         // rows that are cells
override BLOCK: u32;         // cells of a block
override FIRST: u32;         // cells of it before its first window
override WINDOW: u32;        // cells of a window, which open before those behind them
override SHIFT: u32;         // rows by which a cell's row comes before it
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
    var end = 0u;            // of the window that is open
    for (var t = 0u; t < CELLS && cell == NO_CELL; t++) {
        let i = t % BLOCK;
        if (i == 0u) {
            end = BLOCK;
        }
        if (ids[t] == MASK && i < end) {
            end = min(end, FIRST + ((max(i, FIRST) - FIRST) / WINDOW + 1u) * WINDOW);
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
    // The first cell of a block is open where rows are shifted.
    let row = cell - min(SHIFT, cell % BLOCK);
    for (var c = lane; c < C / 4u; c += LANES) {
        y[r * (C / 4u) + c] = x[row * (C / 4u) + c];
    }
}
