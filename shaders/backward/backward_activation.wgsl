// dx = dy f'(x), f the activation of an MLP. One workgroup per row.

override C: u32;             // columns, a multiple of 4
override LANES: u32;

const INPUT = 0u;            // x [T, C]
const OUTPUT = 2u;           // dx [T, C]

@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;    // [T, C]

@compute @workgroup_size(LANES)
fn backward_activation(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = group.x * (C / 4u);
    for (var c = lane; c < C / 4u; c += LANES) {
        set_y4(row + c, dy[row + c] * slope(x4(row + c)));
    }
}
