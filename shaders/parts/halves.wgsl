// Joined to products on matrix units: fetches tiles of both factors, and stages them as f16. What was
// fetched is converted when it is staged: until then nobody waits for it.
//
// Provides: Fetched, fetch(m0, n0, k0, lane), stage(fetched, lane)
// Needs: K, LANES, LARGEST, STRIDE, TILE_K, W_EIGHTS, X_FOURS, halves, w_tile, weight_row, x4
// Needs: x_tile

// What a lane fetches: up to four numbers of x, and up to eight of w, four times.
struct Fetched {
    x0: vec4<f32>,
    x1: vec4<f32>,
    x2: vec4<f32>,
    x3: vec4<f32>,
    w0: vec4<u32>,
    w1: vec4<u32>,
    w2: vec4<u32>,
    w3: vec4<u32>,
}

fn fetch(m0: u32, n0: u32, k0: u32, lane: u32) -> Fetched {
    var f: Fetched;
    f.x0 = fetch_x(m0, k0, lane);
    f.w0 = fetch_w(n0, k0, lane);
    if (X_FOURS > LANES) {
        f.x1 = fetch_x(m0, k0, lane + LANES);
    }
    if (X_FOURS > 2u * LANES) {
        f.x2 = fetch_x(m0, k0, lane + 2u * LANES);
        f.x3 = fetch_x(m0, k0, lane + 3u * LANES);
    }
    if (W_EIGHTS > LANES) {
        f.w1 = fetch_w(n0, k0, lane + LANES);
    }
    if (W_EIGHTS > 2u * LANES) {
        f.w2 = fetch_w(n0, k0, lane + 2u * LANES);
        f.w3 = fetch_w(n0, k0, lane + 3u * LANES);
    }
    return f;
}

// Zeros beyond K.
fn fetch_x(m0: u32, k0: u32, i: u32) -> vec4<f32> {
    let k = k0 + i % (TILE_K / 4u) * 4u;
    if (K % TILE_K != 0u && k >= K) {
        return vec4(0.0);
    }
    return x4(((m0 + i / (TILE_K / 4u)) * K + k) / 4u);
}

fn fetch_w(n0: u32, k0: u32, i: u32) -> vec4<u32> {
    let k = k0 + i % (TILE_K / 8u) * 8u;
    if (K % TILE_K != 0u && k >= K) {
        return vec4(0u);
    }
    return halves(weight_row(n0 + i / (TILE_K / 8u)), k / 8u);
}

fn stage(f: Fetched, lane: u32) {
    stage_x(lane, f.x0);
    stage_w(lane, f.w0);
    if (X_FOURS > LANES) {
        stage_x(lane + LANES, f.x1);
    }
    if (X_FOURS > 2u * LANES) {
        stage_x(lane + 2u * LANES, f.x2);
        stage_x(lane + 3u * LANES, f.x3);
    }
    if (W_EIGHTS > LANES) {
        stage_w(lane + LANES, f.w1);
    }
    if (W_EIGHTS > 2u * LANES) {
        stage_w(lane + 2u * LANES, f.w2);
        stage_w(lane + 3u * LANES, f.w3);
    }
}

fn stage_x(i: u32, four: vec4<f32>) {
    x_tile[i / (TILE_K / 4u) * STRIDE + i % (TILE_K / 4u)] = vec4<f16>(bounded(four));
}

fn stage_w(i: u32, eight: vec4<u32>) {
    let at = i / (TILE_K / 8u) * STRIDE + i % (TILE_K / 8u) * 2u;
    let v = unpack_f16(eight);
    w_tile[at] = vec4<f16>(v.lo);
    w_tile[at + 1u] = vec4<f16>(v.hi);
}

// Large numbers become the largest; what is none stays so, by its bits: an exponent of ones.
fn bounded(x: vec4<f32>) -> vec4<f32> {
    let is_none = (bitcast<vec4<u32>>(x) & vec4(0x7f800000u)) == vec4(0x7f800000u);
    return select(clamp(x, vec4(-LARGEST), vec4(LARGEST)), x, is_none);
}
