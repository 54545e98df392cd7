// Joined to kernels that read their rows from texels, see weights_texels.
//
// Provides: x4(i)
// Needs: INPUT

override X_SKIPPED: u32;     // texels before the first row

@group(0) @binding(INPUT) var x: texture_storage_2d<rgba32uint, read>;    // [T, C]

fn x4(i: u32) -> vec4<f32> {
    return bitcast<vec4<f32>>(textureLoad(x, texel(X_SKIPPED + i)));
}
