// Joined to matmul_rows where its rows are normalised on the way, as norm does:
// LN(x) * weight * (1 + scale) + shift. With the gain g = weight * (1 + scale) a product is
//
//   sum_k w g (x - mean) / deviation + w shift
//     = (sum_k w g x - mean * sum_k w g) / deviation + sum_k w shift
//
// so every lane sums what rows and columns need while it multiplies, and nothing is read twice.

override SHIFT_AT: u32;      // first column of shift
override SCALE_AT: u32;      // first column of scale

@group(0) @binding(NORM) var<storage, read> norm_weight: array<vec4<f32>>;         // [K]
@group(0) @binding(MODULATION) var<storage, read> modulation: array<vec4<f32>>;    // [1, 6K or 2K]

var<private> sums: array<vec2<f32>, 8>;          // of a row's numbers and of their squares
var<private> gains: vec4<f32>;                   // of columns: sum_k w g
var<private> shifts: vec4<f32>;                  // of columns: sum_k w shift
var<workgroup> met: array<vec4<f32>, 192>;       // [6, LANES]

// Weights k8 of row n with the gain, the tile's i-th column.
fn weighed(n: u32, k8: u32, i: u32) -> Eight {
    let w = weights(n, k8);
    let k = 2u * k8;
    let shift = vec2(SHIFT_AT / 4u + k, SHIFT_AT / 4u + k + 1u);
    let scale = vec2(SCALE_AT / 4u + k, SCALE_AT / 4u + k + 1u);
    let lo = w.lo * norm_weight[k] * (1.0 + modulation[scale.x]);
    let hi = w.hi * norm_weight[k + 1u] * (1.0 + modulation[scale.y]);
    gains[i] += dot(lo + hi, vec4(1.0));
    shifts[i] += dot(w.lo, modulation[shift.x]) + dot(w.hi, modulation[shift.y]);
    return Eight(lo, hi);
}

// Eight numbers of the tile's row r.
fn given(r: u32, i: u32) -> Eight {
    let lo = x4(i);
    let hi = x4(i + 1u);
    sums[r] += vec2(dot(lo + hi, vec4(1.0)), dot(lo, lo) + dot(hi, hi));
    return Eight(lo, hi);
}

fn meet(lane: u32) {
    met[lane] = vec4(sums[0].x, sums[1].x, sums[2].x, sums[3].x);
    met[LANES + lane] = vec4(sums[4].x, sums[5].x, sums[6].x, sums[7].x);
    met[2u * LANES + lane] = vec4(sums[0].y, sums[1].y, sums[2].y, sums[3].y);
    met[3u * LANES + lane] = vec4(sums[4].y, sums[5].y, sums[6].y, sums[7].y);
    met[4u * LANES + lane] = gains;
    met[5u * LANES + lane] = shifts;
}

fn ended(r: u32, sum: vec4<f32>) -> vec4<f32> {
    var total = vec2(0.0);
    var gain = vec4(0.0);
    var shift = vec4(0.0);
    for (var i = 0u; i < LANES; i++) {
        let at = r / 4u * LANES + i;
        total += vec2(met[at][r % 4u], met[2u * LANES + at][r % 4u]);
        gain += met[4u * LANES + i];
        shift += met[5u * LANES + i];
    }
    let mean = total.x / f32(K);
    let variance = max(total.y / f32(K) - mean * mean, 0.0);
    return (sum - mean * gain) * inverseSqrt(variance + 1e-5) + shift;
}
