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
// Pivots are as far from the mean as the row's numbers are, so no digits are lost. In the end the
// lanes turn to the pivots of the first one, and their sums meet as those of the product do. Padding,
// columns from CHANNELS on, counts nowhere.
//
// Provides: others(), weighed(n, k8, i), given(r, i, k8, is_first), meet(r0, lane)
// Provides: meet_row(r, lane), ended(r, sum)
// Needs: K, LANES, MEETING, MODULATION, NORM, met, partial, s, weights, x4

override CHANNELS: u32;      // columns but for the padding of K, which is fewer than eight
override EPSILON: f32;       // added to the variance
override SHIFT_AT: u32;      // first column of shift
override SCALE_AT: u32;      // first column of scale

@group(0) @binding(NORM) var<storage, read> norm_weight: array<vec4<f32>>;         // [K]
@group(0) @binding(MODULATION) var<storage, read> modulation: array<vec4<f32>>;    // [1, 6K or 2K]

var<private> pivots: array<f32, 16>;             // of rows
var<private> found: array<vec2<f32>, 16>;        // of rows: sum_k x - pivot, and their squares
var<private> gains: vec4<f32>;                   // of columns: sum_k w g
var<private> shifts: vec4<f32>;                  // of columns: sum_k w shift
var<workgroup> first: array<f32, 16>;            // pivots of the first lane

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
        if (k8 == 0u) {
            first[r] = pivots[r];
        }
    }
    var lo = x4(i) - pivots[r];
    var hi = x4(i + 1u) - pivots[r];
    if (CHANNELS < K) {
        let k = 8u * k8 + vec4(0u, 1u, 2u, 3u);
        lo = select(vec4(0.0), lo, k < vec4(CHANNELS));
        hi = select(vec4(0.0), hi, k + 4u < vec4(CHANNELS));
    }
    found[r] += vec2(dot(lo + hi, vec4(1.0)), dot(lo, lo) + dot(hi, hi));
    return Eight(lo, hi);
}

fn meet(r0: u32, lane: u32) {
    let beyond = (MEETING + MEETING / 2u) * LANES + lane;
    partial[beyond] = gains;
    partial[beyond + LANES] = shifts;
    workgroupBarrier();
}

fn meet_row(r: u32, lane: u32) {
    let count = numbers_of(lane);
    let away = select(0.0, pivots[r] - first[r], count > 0.0);
    found[r] += away * vec2(count, 2.0 * found[r].x + count * away);
    let row = r % MEETING;
    partial[row * LANES + lane] = s[r] + away * gains;
    if (r % 2u == 1u) {
        partial[(MEETING + row / 2u) * LANES + lane] = vec4(found[r - 1u], found[r]);
    }
}

fn ended(r: u32, sum: vec4<f32>) -> vec4<f32> {
    let pair = met(MEETING + r / 2u);
    let own = select(pair.xy, pair.zw, r % 2u == 1u) / f32(CHANNELS);
    let variance = max(own.y - own.x * own.x, 0.0);
    let centred = sum - own.x * met(MEETING + MEETING / 2u);
    return centred * inverseSqrt(variance + EPSILON) + met(MEETING + MEETING / 2u + 1u);
}

// How many of a row's numbers a lane reads.
fn numbers_of(lane: u32) -> f32 {
    let count = 8u * ((K / 8u + LANES - 1u - lane) / LANES);
    let is_last = lane == (K / 8u - 1u) % LANES;
    return f32(count - select(0u, K - CHANNELS, is_last));
}

// Other sums that meet: two rows' sums and squares in a vector, then gains and shifts.
fn others() -> u32 {
    return MEETING / 2u + 2u;
}
