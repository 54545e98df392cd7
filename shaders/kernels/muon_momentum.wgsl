// Momentum of clipped gradients, and the update with a look ahead: m = beta * m + g,
// u = g + beta * m. An invocation does four numbers.
// Source: Jordan et al., Muon, 2024; Nesterov, 1983.

override COUNT: u32;         // numbers, a multiple of 4
override LANES: u32;
override BETA: f32;

@group(0) @binding(0) var<storage, read> gradients: array<vec4<f32>>;        // [N, K]
@group(0) @binding(1) var<storage, read> outcome: array<f32>;                // [2]
@group(0) @binding(2) var<storage, read_write> momentum: array<vec4<f32>>;   // [N, K]
@group(0) @binding(3) var<storage, read_write> update: array<vec4<f32>>;     // [N, K]

@compute @workgroup_size(LANES)
fn muon_momentum(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * LANES + lane;
    let scale = outcome[1];
    if (i >= COUNT / 4u || scale == 0.0) {
        return;
    }
    let gradient = scale * gradients[i];
    let m = BETA * momentum[i] + gradient;
    momentum[i] = m;
    update[i] = gradient + BETA * m;
}
