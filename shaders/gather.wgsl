// y[t] = x[rows[t]]: picks the rows whose logits are wanted. One workgroup per row.

override C: u32;             // channels, a multiple of 4
override LANES: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;          // [T, C]
@group(0) @binding(1) var<storage, read> rows: array<u32>;             // [R]
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;    // [R, C]

@compute @workgroup_size(LANES)
fn gather(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let picked = rows[group.x] * (C / 4u);
    let row = group.x * (C / 4u);
    for (var c = lane; c < C / 4u; c += LANES) {
        y[row + c] = x[picked + c];
    }
}
