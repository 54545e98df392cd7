// Joined to rotary that writes queries and the cache to texels, the cache head by head. Indices
// count groups of eight.
//
// Provides: store_query(i, x), store_key(i, x), store_value(i, x)
// Needs: CACHE_F16, KEYS, QUERIES, VALUES

@group(0) @binding(QUERIES) var q: texture_storage_2d<rgba32uint, write>;         // [T, H * D]
@group(0) @binding(KEYS) var k_cache: texture_storage_2d<rgba32uint, write>;      // [G, S, D]
@group(0) @binding(VALUES) var v_cache: texture_storage_2d<rgba32uint, write>;    // [G, S, D]

fn store_query(i: u32, x: Eight) {
    textureStore(q, texel(2u * i), bitcast<vec4<u32>>(x.lo));
    textureStore(q, texel(2u * i + 1u), bitcast<vec4<u32>>(x.hi));
}

fn store_key(i: u32, x: Eight) {
    if (CACHE_F16) {
        textureStore(k_cache, texel(i), pack_f16(x));
        return;
    }
    textureStore(k_cache, texel(2u * i), bitcast<vec4<u32>>(x.lo));
    textureStore(k_cache, texel(2u * i + 1u), bitcast<vec4<u32>>(x.hi));
}

fn store_value(i: u32, x: Eight) {
    if (CACHE_F16) {
        textureStore(v_cache, texel(i), pack_f16(x));
        return;
    }
    textureStore(v_cache, texel(2u * i), bitcast<vec4<u32>>(x.lo));
    textureStore(v_cache, texel(2u * i + 1u), bitcast<vec4<u32>>(x.hi));
}
