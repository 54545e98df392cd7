// Joined to kernels whose rows lie in a buffer.

@group(0) @binding(INPUT) var<storage, read> x: array<vec4<f32>>;    // [T, C]

fn x4(i: u32) -> vec4<f32> {
    return x[i];
}
