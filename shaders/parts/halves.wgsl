// Joined to products on matrix units: fetches tiles of both factors as f16, and stages them.
//
// Provides: fetch(m0, n0, k0, lane), stage(fetched, lane)
// Needs: Fetched, K, LANES, LARGEST, STRIDE, TILE_K, W_EIGHTS, X_EIGHTS, halves, w_tile, x4, x_tile

// Up to four times eight numbers of each factor.
fn fetch(m0: u32, n0: u32, k0: u32, lane: u32) -> Fetched {
    var f: Fetched;
    f.x0 = fetch_x(m0, k0, lane);
    f.x1 = fetch_x(m0, k0, lane + LANES);
    if (X_EIGHTS > 2u * LANES) {
        f.x2 = fetch_x(m0, k0, lane + 2u * LANES);
        f.x3 = fetch_x(m0, k0, lane + 3u * LANES);
    }
    f.w0 = fetch_w(n0, k0, lane);
    f.w1 = fetch_w(n0, k0, lane + LANES);
    if (W_EIGHTS > 2u * LANES) {
        f.w2 = fetch_w(n0, k0, lane + 2u * LANES);
        f.w3 = fetch_w(n0, k0, lane + 3u * LANES);
    }
    return f;
}

// Zeros beyond K, and for lanes that have nothing left to fetch.
fn fetch_x(m0: u32, k0: u32, i: u32) -> vec4<u32> {
    let row = i / (TILE_K / 8u);
    let k = k0 + i % (TILE_K / 8u) * 8u;
    if (i >= X_EIGHTS || (K % TILE_K != 0u && k >= K)) {
        return vec4(0u);
    }
    let at = ((m0 + row) * K + k) / 4u;
    return pack_f16(Eight(bounded(x4(at)), bounded(x4(at + 1u))));
}

fn fetch_w(n0: u32, k0: u32, i: u32) -> vec4<u32> {
    let row = i / (TILE_K / 8u);
    let k = k0 + i % (TILE_K / 8u) * 8u;
    if (i >= W_EIGHTS || (K % TILE_K != 0u && k >= K)) {
        return vec4(0u);
    }
    return halves(n0 + row, k / 8u);
}

fn stage(f: Fetched, lane: u32) {
    stage_x(lane, f.x0);
    stage_x(lane + LANES, f.x1);
    if (X_EIGHTS > 2u * LANES) {
        stage_x(lane + 2u * LANES, f.x2);
        stage_x(lane + 3u * LANES, f.x3);
    }
    stage_w(lane, f.w0);
    stage_w(lane + LANES, f.w1);
    if (W_EIGHTS > 2u * LANES) {
        stage_w(lane + 2u * LANES, f.w2);
        stage_w(lane + 3u * LANES, f.w3);
    }
}

fn stage_x(i: u32, eight: vec4<u32>) {
    if (i < X_EIGHTS) {
        let at = i / (TILE_K / 8u) * STRIDE + i % (TILE_K / 8u) * 8u;
        let v = unpack_f16(eight);
        x_tile[at] = f16(v.lo.x);
        x_tile[at + 1u] = f16(v.lo.y);
        x_tile[at + 2u] = f16(v.lo.z);
        x_tile[at + 3u] = f16(v.lo.w);
        x_tile[at + 4u] = f16(v.hi.x);
        x_tile[at + 5u] = f16(v.hi.y);
        x_tile[at + 6u] = f16(v.hi.z);
        x_tile[at + 7u] = f16(v.hi.w);
    }
}

fn stage_w(i: u32, eight: vec4<u32>) {
    if (i < W_EIGHTS) {
        let at = i / (TILE_K / 8u) * STRIDE + i % (TILE_K / 8u) * 8u;
        let v = unpack_f16(eight);
        w_tile[at] = f16(v.lo.x);
        w_tile[at + 1u] = f16(v.lo.y);
        w_tile[at + 2u] = f16(v.lo.z);
        w_tile[at + 3u] = f16(v.lo.w);
        w_tile[at + 4u] = f16(v.hi.x);
        w_tile[at + 5u] = f16(v.hi.y);
        w_tile[at + 6u] = f16(v.hi.z);
        w_tile[at + 7u] = f16(v.hi.w);
    }
}

// Large numbers become the largest; what is none stays so, by its bits: an exponent of ones.
fn bounded(x: vec4<f32>) -> vec4<f32> {
    let is_none = (bitcast<vec4<u32>>(x) & vec4(0x7f800000u)) == vec4(0x7f800000u);
    return select(clamp(x, vec4(-LARGEST), vec4(LARGEST)), x, is_none);
}
