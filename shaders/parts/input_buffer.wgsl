// Joined to kernels that read their rows from a buffer.
//
// Provides: x4(i)
// Needs: INPUT

@group(0) @binding(INPUT) var<storage, read> x: array<vec4<f32>>;    // [T, C]

fn x4(i: u32) -> vec4<f32> {
    return x[i];
}
