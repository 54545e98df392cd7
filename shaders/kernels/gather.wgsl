// y[t] = x[rows[t]]: picks the rows whose logits are wanted. One workgroup per row.

override C: u32;             // channels, a multiple of 4
override LANES: u32;

const INPUT = 0u;            // x [T, C]
const OUTPUT = 2u;           // y [R, C]

@group(0) @binding(1) var<storage, read> rows: array<u32>;    // [R]

@compute @workgroup_size(LANES)
fn gather(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let picked = rows[group.x] * (C / 4u);
    let row = group.x * (C / 4u);
    for (var c = lane; c < C / 4u; c += LANES) {
        set_y4(row + c, x4(picked + c));
    }
}
