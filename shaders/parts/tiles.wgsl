// Joined to matmul_tiled: fetches tiles of both factors, and stages them in workgroup memory.
//
// Provides: Fetched, fetch(m0, n0, k0, lane), stage(fetched, lane)
// Needs: K, LANES, TILE_K, TILE_M, TILE_N, w_tile, weight_row, weights, x4, x_tile

// What a lane fetches: up to four vectors of x and twice eight numbers of w.
struct Fetched {
    x0: vec4<f32>,
    x1: vec4<f32>,
    x2: vec4<f32>,
    x3: vec4<f32>,
    w0: Eight,
    w1: Eight,
}

fn fetch(m0: u32, n0: u32, k0: u32, lane: u32) -> Fetched {
    var f: Fetched;
    f.x0 = fetch_x(m0, k0, lane);
    f.x1 = fetch_x(m0, k0, lane + LANES);
    if (TILE_M * TILE_K / 4u > 2u * LANES) {
        f.x2 = fetch_x(m0, k0, lane + 2u * LANES);
        f.x3 = fetch_x(m0, k0, lane + 3u * LANES);
    }
    f.w0 = fetch_w(n0, k0, lane);
    if (TILE_N * TILE_K / 8u > LANES) {
        f.w1 = fetch_w(n0, k0, lane + LANES);
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

fn fetch_w(n0: u32, k0: u32, i: u32) -> Eight {
    let k = k0 + i % (TILE_K / 8u) * 8u;
    if (K % TILE_K != 0u && k >= K) {
        return Eight(vec4(0.0), vec4(0.0));
    }
    return weights(weight_row(n0 + i / (TILE_K / 8u)), k / 8u);
}

fn stage(f: Fetched, lane: u32) {
    stage_x(lane, f.x0);
    stage_x(lane + LANES, f.x1);
    if (TILE_M * TILE_K / 4u > 2u * LANES) {
        stage_x(lane + 2u * LANES, f.x2);
        stage_x(lane + 3u * LANES, f.x3);
    }
    stage_w(lane, f.w0);
    if (TILE_N * TILE_K / 8u > LANES) {
        stage_w(lane + LANES, f.w1);
    }
}

fn stage_x(i: u32, four: vec4<f32>) {
    x_tile[i / (TILE_K / 4u) * (TILE_K / 4u + 1u) + i % (TILE_K / 4u)] = four;
}

// Every fourth column, then the next ones of each four, so that lanes that own four columns read from
// neighbouring rows.
fn stage_w(i: u32, eight: Eight) {
    let n = i / (TILE_K / 8u);
    let row = n % 4u * (TILE_N / 4u) + n / 4u;
    let at = row * (TILE_K / 4u + 1u) + i % (TILE_K / 8u) * 2u;
    w_tile[at] = eight.lo;
    w_tile[at + 1u] = eight.hi;
}
