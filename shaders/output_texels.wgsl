// Joined to kernels whose result lies in texels, which a kernel that reads them as well could not
// bind: nothing is added to what is there.

override Y_SKIPPED: u32;     // texels before the first row

@group(0) @binding(OUTPUT) var y: texture_storage_2d<rgba32uint, write>;    // [T, C]

fn set_y4(i: u32, v: vec4<f32>) {
    textureStore(y, texel(Y_SKIPPED + i), bitcast<vec4<u32>>(v));
}

fn add_y4(i: u32, v: vec4<f32>) {
    set_y4(i, v);
}
