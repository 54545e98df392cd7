// y = f(x), f the activation of an MLP. One workgroup per row.

override C: u32;             // columns, a multiple of 4
override LANES: u32;

const INPUT = 0u;            // x [T, C]
const OUTPUT = 1u;           // y [T, C]

@compute @workgroup_size(LANES)
fn activation(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = group.x * (C / 4u);
    for (var c = lane; c < C / 4u; c += LANES) {
        set_y4(row + c, activated(x4(row + c)));
    }
}
