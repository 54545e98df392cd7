// Adds the shares of weight_gradient_tiled, in order: dw += sum over the shares.

override COUNT: u32;         // vectors of dw
override SHARES: u32;
override WIDTH: u32;         // invocations along x

@group(0) @binding(0) var<storage, read> partials: array<vec4<f32>>;    // [SHARES, N, K]
@group(0) @binding(1) var<storage, read_write> dw: array<vec4<f32>>;    // [N, K]

@compute @workgroup_size(64)
fn weight_gradient_merge(@builtin(global_invocation_id) at: vec3<u32>) {
    let i = at.y * WIDTH + at.x;
    if (i >= COUNT) {
        return;
    }
    var sum = dw[i];
    for (var share = 0u; share < SHARES; share++) {
        sum += partials[share * COUNT + i];
    }
    dw[i] = sum;
}
