// Sums of squares of gradients, a chunk for each workgroup: the first stage of their norm. Every sum
// has a fixed order.

override COUNT: u32;         // numbers, a multiple of 4
override CHUNK: u32;         // numbers of a workgroup, a multiple of 4

@group(0) @binding(0) var<storage, read> gradients: array<vec4<f32>>;        // [N]
@group(0) @binding(1) var<storage, read_write> squares: array<f32>;          // [CHUNKS]

@compute @workgroup_size(LANES)
fn gradient_squares(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let end = min((group.x + 1u) * CHUNK, COUNT) / 4u;
    var sum = vec4(0.0);
    for (var i = group.x * CHUNK / 4u + lane; i < end; i += LANES) {
        sum += gradients[i] * gradients[i];
    }
    let all = total(dot(sum, vec4(1.0)), lane);
    if (lane == 0u) {
        squares[group.x] = all;
    }
}
