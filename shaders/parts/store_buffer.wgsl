// Joined to rotary that writes queries and the cache to buffers. Indices count groups of eight.
//
// Provides: store_query(i, x), store_key(i, x), store_value(i, x)
// Needs: CACHE_F16, KEYS, QUERIES, VALUES

@group(0) @binding(QUERIES) var<storage, read_write> q: array<vec4<f32>>;         // [T, H * D]
@group(0) @binding(KEYS) var<storage, read_write> k_cache: array<vec4<u32>>;      // [S, G * D]
@group(0) @binding(VALUES) var<storage, read_write> v_cache: array<vec4<u32>>;    // [S, G * D]

fn store_query(i: u32, x: Eight) {
    q[2u * i] = x.lo;
    q[2u * i + 1u] = x.hi;
}

fn store_key(i: u32, x: Eight) {
    if (CACHE_F16) {
        k_cache[i] = pack_f16(x);
        return;
    }
    k_cache[2u * i] = bitcast<vec4<u32>>(x.lo);
    k_cache[2u * i + 1u] = bitcast<vec4<u32>>(x.hi);
}

fn store_value(i: u32, x: Eight) {
    if (CACHE_F16) {
        v_cache[i] = pack_f16(x);
        return;
    }
    v_cache[2u * i] = bitcast<vec4<u32>>(x.lo);
    v_cache[2u * i + 1u] = bitcast<vec4<u32>>(x.hi);
}
