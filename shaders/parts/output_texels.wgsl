// Joined to kernels that write their result to texels. A kernel cannot bind texels to read and to
// write them: add_y4 overwrites, and the host refuses to add.
//
// Provides: set_y4(i, v), add_y4(i, v)
// Needs: OUTPUT

override Y_SKIPPED: u32;     // texels before the first row

@group(0) @binding(OUTPUT) var y: texture_storage_2d<rgba32uint, write>;    // [T, C]

fn set_y4(i: u32, v: vec4<f32>) {
    textureStore(y, texel(Y_SKIPPED + i), bitcast<vec4<u32>>(v));
}

fn add_y4(i: u32, v: vec4<f32>) {
    set_y4(i, v);
}
