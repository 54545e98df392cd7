// AdamW: m and v are moving averages of the clipped gradient and of its square,
// w = shrink * w - step_size * m / (root * sqrt(v) + epsilon), with shrink = 1 - rate * decay,
// step_size = rate / (1 - beta1^k), root = 1 / sqrt(1 - beta2^k). An invocation does four numbers.
// Source: Loshchilov and Hutter, 2019.

override COUNT: u32;         // numbers, a multiple of 4
override LANES: u32;
override BETA1: f32;
override BETA2: f32;
override NEW1: f32;          // 1 - beta1, exact
override NEW2: f32;          // 1 - beta2, exact
override EPSILON: f32;

@group(0) @binding(0) var<storage, read> gradients: array<vec4<f32>>;        // [N]
@group(0) @binding(1) var<storage, read> rates: array<f32>;                  // [8]
@group(0) @binding(2) var<storage, read> outcome: array<f32>;                // [2]
@group(0) @binding(3) var<storage, read_write> weights: array<vec4<f32>>;    // [N]
@group(0) @binding(4) var<storage, read_write> first: array<vec4<f32>>;      // [N]
@group(0) @binding(5) var<storage, read_write> second: array<vec4<f32>>;     // [N]

@compute @workgroup_size(LANES)
fn adamw(
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
    let m = BETA1 * first[i] + NEW1 * gradient;
    let v = BETA2 * second[i] + NEW2 * gradient * gradient;
    first[i] = m;
    second[i] = v;
    let step = rates[STEP_SIZE] * m / (rates[ROOT] * sqrt(v) + EPSILON);
    weights[i] = rates[SHRINK] * weights[i] - step;
}
