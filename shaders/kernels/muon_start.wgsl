// An update, or its transpose, divided by its Frobenius norm: what the iteration begins with. An
// invocation does four numbers of a row.

override ROWS: u32;          // of the result
override COLUMNS: u32;       // of the result, a multiple of 4
override CHUNKS: u32;        // sums of squares
override TRANSPOSED: bool;   // whether the result is the transpose
override LANES: u32;

@group(0) @binding(0) var<storage, read> update: array<f32>;                 // [N, K]
@group(0) @binding(1) var<storage, read> squares: array<f32>;                // [CHUNKS]
const OUTPUT = 2u;           // x [ROWS, COLUMNS]

@compute @workgroup_size(LANES)
fn muon_start(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * LANES + lane;
    if (i >= ROWS * COLUMNS / 4u) {
        return;
    }
    var sum = 0.0;
    for (var chunk = 0u; chunk < CHUNKS; chunk++) {
        sum += squares[chunk];
    }
    let row = 4u * i / COLUMNS;
    let column = 4u * i % COLUMNS;
    let at = select(row * COLUMNS + column, column * ROWS + row, TRANSPOSED);
    let next = select(1u, ROWS, TRANSPOSED);
    let u = vec4(update[at], update[at + next], update[at + 2u * next], update[at + 3u * next]);
    set_y4(i, u / (sqrt(sum) + 1e-7));
}
