// Weights after a step of Muon: w = shrink * w - step_size * SCALE * x, with x transposed where the
// iteration ran on the transpose. An invocation does four numbers of a row.

override ROWS: u32;          // of the weights
override COLUMNS: u32;       // of the weights, a multiple of 4
override TRANSPOSED: bool;   // whether x is [K, N]
override SCALE: f32;         // of a matrix of this shape
override LANES: u32;

const INPUT = 0u;            // x [N, K] or [K, N]
@group(0) @binding(1) var<storage, read> rates: array<f32>;                  // [8]
@group(0) @binding(2) var<storage, read> outcome: array<f32>;                // [2]
@group(0) @binding(3) var<storage, read_write> weights: array<vec4<f32>>;    // [N, K]

// Number `column` of row `row` of x.
fn number(row: u32, column: u32) -> f32 {
    let i = row * ROWS + column;
    return x4(i / 4u)[i % 4u];
}

@compute @workgroup_size(LANES)
fn muon_step(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * LANES + lane;
    if (i >= ROWS * COLUMNS / 4u || outcome[1] == 0.0) {
        return;
    }
    let row = 4u * i / COLUMNS;
    let k = 4u * i % COLUMNS;
    var update: vec4<f32>;
    if (TRANSPOSED) {
        update = vec4(number(k, row), number(k + 1u, row), number(k + 2u, row), number(k + 3u, row));
    } else {
        update = x4(i);
    }
    weights[i] = rates[MUON_SHRINK] * weights[i] - rates[MUON_STEP] * SCALE * update;
}
