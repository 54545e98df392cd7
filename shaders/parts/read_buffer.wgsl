// Joined to attention that reads queries, keys and values from buffers. Indices count groups of eight
// channels.
//
// Provides: OUTPUT, spans, query8(i), key8(i), value8(i)

override CACHE_F16: bool;    // the cache is packed f16, else f32

const OUTPUT = 4u;           // y [T, H * D]

@group(0) @binding(0) var<storage, read> q: array<vec4<u32>>;          // [T, H * D]
@group(0) @binding(1) var<storage, read> k_cache: array<vec4<u32>>;    // [S, G * D]
@group(0) @binding(2) var<storage, read> v_cache: array<vec4<u32>>;    // [S, G * D]
@group(0) @binding(3) var<storage, read> spans: array<vec4<u32>>;      // [T, 4]

fn query8(i: u32) -> Eight {
    return unpack_f32(q[2u * i], q[2u * i + 1u]);
}

fn key8(i: u32) -> Eight {
    if (CACHE_F16) {
        return unpack_f16(k_cache[i]);
    }
    return unpack_f32(k_cache[2u * i], k_cache[2u * i + 1u]);
}

fn value8(i: u32) -> Eight {
    if (CACHE_F16) {
        return unpack_f16(v_cache[i]);
    }
    return unpack_f32(v_cache[2u * i], v_cache[2u * i + 1u]);
}
