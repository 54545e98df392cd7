// Joined to kernels that read weights from texels. lavapipe loads a texel of each lane at once, three
// times as fast as the same bytes of a buffer, which it loads lane by lane and word by word.
//
// Provides: words(i)

override SKIPPED: u32;       // texels before the first row

@group(0) @binding(0) var table: texture_storage_2d<rgba32uint, read>;    // [N, K]

fn words(i: u32) -> vec4<u32> {
    return textureLoad(table, texel(SKIPPED + i));
}
