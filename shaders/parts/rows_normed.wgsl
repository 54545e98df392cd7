// Joined to matmul_rows: a fused norm of its rows, the one of norm.wgsl,
// LN(x) * weight * (1 + scale) + shift. With the gain g = weight * (1 + scale) a product is
//
//   sum_k w g (x - mean) / deviation + w shift
//
// and no row is read twice: every lane multiplies with x - pivot, where its pivot of a row is the
// mean of the first eight numbers that it reads, and sums what turns pivots into the mean.
//
//   sum_k w g (x - mean) = sum_k w g (x - pivot) + (pivot - mean) sum_k w g
//
// Pivots are as far from the mean as the row's numbers are, so no digits are lost. Padding, columns
// from CHANNELS on, counts nowhere.
//
// Provides: weighed(n, k8, i), given(r, i, k8, is_first), meet(lane), ended(r, sum)
// Needs: K, LANES, MODULATION, NORM, weights, x4

override CHANNELS: u32;      // columns but for the padding of K, which is fewer than eight
override EPSILON: f32;       // added to the variance
override SHIFT_AT: u32;      // first column of shift
override SCALE_AT: u32;      // first column of scale

@group(0) @binding(NORM) var<storage, read> norm_weight: array<vec4<f32>>;         // [K]
@group(0) @binding(MODULATION) var<storage, read> modulation: array<vec4<f32>>;    // [1, 6K or 2K]

var<private> pivots: array<f32, 8>;              // of rows
var<private> sums: array<vec2<f32>, 8>;          // of rows: sum_k x - pivot, and their squares
var<private> gains: vec4<f32>;                   // of columns: sum_k w g
var<private> shifts: vec4<f32>;                  // of columns: sum_k w shift
var<workgroup> met: array<vec4<f32>, 256>;       // [8, LANES]: pivots, sums, squares, gains, shifts

// Weights k8 of row n with the gain, the tile's i-th column.
fn weighed(n: u32, k8: u32, i: u32) -> Eight {
    let w = weights(n, k8);
    let k = 2u * k8;
    let shift = SHIFT_AT / 4u + k;
    let scale = SCALE_AT / 4u + k;
    let lo = w.lo * norm_weight[k] * (1.0 + modulation[scale]);
    let hi = w.hi * norm_weight[k + 1u] * (1.0 + modulation[scale + 1u]);
    gains[i] += dot(lo + hi, vec4(1.0));
    shifts[i] += dot(w.lo, modulation[shift]) + dot(w.hi, modulation[shift + 1u]);
    return Eight(lo, hi);
}

// Numbers 8 * k8 .. 8 * k8 + 8 of the tile's row r, the lane's first of it or later ones.
fn given(r: u32, i: u32, k8: u32, is_first: bool) -> Eight {
    if (is_first) {
        let count = select(8u, CHANNELS % 8u, CHANNELS < K && k8 == K / 8u - 1u);
        pivots[r] = dot(x4(i) + x4(i + 1u), vec4(1.0 / f32(count)));
    }
    var lo = x4(i) - pivots[r];
    var hi = x4(i + 1u) - pivots[r];
    if (CHANNELS < K) {
        let k = 8u * k8 + vec4(0u, 1u, 2u, 3u);
        lo = select(vec4(0.0), lo, k < vec4(CHANNELS));
        hi = select(vec4(0.0), hi, k + 4u < vec4(CHANNELS));
    }
    sums[r] += vec2(dot(lo + hi, vec4(1.0)), dot(lo, lo) + dot(hi, hi));
    return Eight(lo, hi);
}

fn meet(lane: u32) {
    met[lane] = vec4(pivots[0], pivots[1], pivots[2], pivots[3]);
    met[LANES + lane] = vec4(pivots[4], pivots[5], pivots[6], pivots[7]);
    met[2u * LANES + lane] = vec4(sums[0].x, sums[1].x, sums[2].x, sums[3].x);
    met[3u * LANES + lane] = vec4(sums[4].x, sums[5].x, sums[6].x, sums[7].x);
    met[4u * LANES + lane] = vec4(sums[0].y, sums[1].y, sums[2].y, sums[3].y);
    met[5u * LANES + lane] = vec4(sums[4].y, sums[5].y, sums[6].y, sums[7].y);
    met[6u * LANES + lane] = gains;
    met[7u * LANES + lane] = shifts;
}

fn ended(r: u32, sum: vec4<f32>) -> vec4<f32> {
    let at = r / 4u * LANES;
    var total = 0.0;
    for (var i = 0u; i < LANES; i++) {
        total += met[2u * LANES + at + i][r % 4u] + numbers_of(i) * met[at + i][r % 4u];
    }
    let mean = total / f32(CHANNELS);
    var squares = 0.0;
    var centred = sum;
    var shift = vec4(0.0);
    for (var i = 0u; i < LANES; i++) {
        let away = met[at + i][r % 4u] - mean;
        let own = vec2(met[2u * LANES + at + i][r % 4u], met[4u * LANES + at + i][r % 4u]);
        squares += own.y + away * (2.0 * own.x + numbers_of(i) * away);
        centred += away * met[6u * LANES + i];
        shift += met[7u * LANES + i];
    }
    return centred * inverseSqrt(max(squares, 0.0) / f32(CHANNELS) + EPSILON) + shift;
}

// How many of a row's numbers a lane reads.
fn numbers_of(lane: u32) -> f32 {
    let count = 8u * ((K / 8u + LANES - 1u - lane) / LANES);
    let is_last = lane == (K / 8u - 1u) % LANES;
    return f32(count - select(0u, K - CHANNELS, is_last));
}
