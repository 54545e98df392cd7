// Joined to kernels that write their result to a buffer.
//
// Provides: set_y4(i, v), add_y4(i, v)
// Needs: OUTPUT

@group(0) @binding(OUTPUT) var<storage, read_write> y: array<vec4<f32>>;    // [T, C]

fn set_y4(i: u32, v: vec4<f32>) {
    y[i] = v;
}

fn add_y4(i: u32, v: vec4<f32>) {
    y[i] += v;
}
