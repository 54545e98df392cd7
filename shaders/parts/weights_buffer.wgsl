// Joined to kernels that read weights from a buffer.
//
// Provides: words(i)

@group(0) @binding(0) var<storage, read> table: array<vec4<u32>>;    // [N, K]

fn words(i: u32) -> vec4<u32> {
    return table[i];
}
