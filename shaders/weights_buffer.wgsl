// Joined to weights where they lie in a buffer.

@group(0) @binding(0) var<storage, read> table: array<vec4<u32>>;    // [N, K]

fn words(i: u32) -> vec4<u32> {
    return table[i];
}
