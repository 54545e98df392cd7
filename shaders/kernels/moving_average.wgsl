// The moving average of the weights: a = a + (1 - decay) * (w - a). An invocation does four numbers.

override COUNT: u32;         // numbers, a multiple of 4
override LANES: u32;

@group(0) @binding(0) var<storage, read> weights: array<vec4<f32>>;          // [N]
@group(0) @binding(1) var<storage, read> rates: array<f32>;                  // [8]
@group(0) @binding(2) var<storage, read> outcome: array<f32>;                // [2]
@group(0) @binding(3) var<storage, read_write> average: array<vec4<f32>>;    // [N]

@compute @workgroup_size(LANES)
fn moving_average(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * LANES + lane;
    if (i >= COUNT / 4u || outcome[1] == 0.0) {
        return;
    }
    average[i] += rates[AVERAGE_NEW] * (weights[i] - average[i]);
}
