// Joined to attention that reads queries, keys and values from texels. Indices count groups of eight
// channels.
//
// Provides: OUTPUT, spans, query8(i), key8(i), value8(i)

override CACHE_F16: bool;    // the cache is packed f16, else f32

const OUTPUT = 4u;           // y [T, H * D]

@group(0) @binding(0) var q: texture_storage_2d<rgba32uint, read>;          // [T, H * D]
@group(0) @binding(1) var k_cache: texture_storage_2d<rgba32uint, read>;    // [G, S, D]
@group(0) @binding(2) var v_cache: texture_storage_2d<rgba32uint, read>;    // [G, S, D]
@group(0) @binding(3) var<storage, read> spans: array<vec4<u32>>;           // [T, 4]

fn query8(i: u32) -> Eight {
    return unpack_f32(textureLoad(q, texel(2u * i)), textureLoad(q, texel(2u * i + 1u)));
}

fn key8(i: u32) -> Eight {
    if (CACHE_F16) {
        return unpack_f16(textureLoad(k_cache, texel(i)));
    }
    return unpack_f32(textureLoad(k_cache, texel(2u * i)), textureLoad(k_cache, texel(2u * i + 1u)));
}

fn value8(i: u32) -> Eight {
    if (CACHE_F16) {
        return unpack_f16(textureLoad(v_cache, texel(i)));
    }
    return unpack_f32(textureLoad(v_cache, texel(2u * i)), textureLoad(v_cache, texel(2u * i + 1u)));
}
