// Joined after the attention kernels: keys and values as the cache holds them.

override F16: bool;          // the cache is packed f16, else f32

@group(0) @binding(0) var<storage, read> q: array<vec4<f32>>;             // [T, C]
@group(0) @binding(1) var<storage, read> k_cache: array<vec4<u32>>;       // [S, C]
@group(0) @binding(2) var<storage, read> v_cache: array<vec4<u32>>;       // [S, C]
@group(0) @binding(3) var<storage, read> spans: array<vec4<u32>>;         // [T, 4]
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;       // [T, C]

// Eight channels of a key; i counts groups of eight.
fn key8(i: u32) -> Eight {
    if (F16) {
        return unpack_f16(k_cache[i]);
    }
    return Eight(bitcast<vec4<f32>>(k_cache[2u * i]), bitcast<vec4<f32>>(k_cache[2u * i + 1u]));
}

// Eight channels of a value.
fn value8(i: u32) -> Eight {
    if (F16) {
        return unpack_f16(v_cache[i]);
    }
    return Eight(bitcast<vec4<f32>>(v_cache[2u * i]), bitcast<vec4<f32>>(v_cache[2u * i + 1u]));
}
