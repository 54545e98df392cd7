// Joined to matmul_rows: a fused RMS norm of its rows, the one of rms_norm.wgsl. The gains are
// multiplied with the weights, the roots with the sums:
//
//   sum_k w g x / root
//
// Padding, columns from CHANNELS on, is zero and counts nowhere.
//
// Provides: others(), weighed(n, k8, i), given(r, i, k8, is_first), meet(r0, lane)
// Provides: meet_row(r, lane), ended(r, sum)
// Needs: LANES, MEETING, NORM, met, partial, s, weights, x4

override CHANNELS: u32;      // columns but for the padding of K
override EPSILON: f32;       // added to the mean of the squares

@group(0) @binding(NORM) var<storage, read> norm_weight: array<vec4<f32>>;    // [K]

var<private> squares: array<f32, 16>;          // of rows: sum_k x^2

// Weights k8 of row n with the gain.
fn weighed(n: u32, k8: u32, i: u32) -> Eight {
    let w = weights(n, k8);
    return Eight(w.lo * norm_weight[2u * k8], w.hi * norm_weight[2u * k8 + 1u]);
}

// Eight numbers of the tile's row r.
fn given(r: u32, i: u32, k8: u32, is_first: bool) -> Eight {
    let x = Eight(x4(i), x4(i + 1u));
    squares[r] += dot(x.lo, x.lo) + dot(x.hi, x.hi);
    return x;
}

// The squares of four rows are a vector.
fn meet(r0: u32, lane: u32) {
    meet_squares(MEETING * LANES + lane, r0);
    if (MEETING > 4u) {
        meet_squares((MEETING + 1u) * LANES + lane, r0 + 4u);
    }
}

fn meet_squares(at: u32, r: u32) {
    partial[at] = vec4(squares[r], squares[r + 1u], squares[r + 2u], squares[r + 3u]);
}

fn meet_row(r: u32, lane: u32) {
    partial[r % MEETING * LANES + lane] = s[r];
}

fn ended(r: u32, sum: vec4<f32>) -> vec4<f32> {
    let total = met(MEETING + r / 4u)[r % 4u];
    return sum * inverseSqrt(total / f32(CHANNELS) + EPSILON);
}

fn others() -> u32 {
    return MEETING / 4u;
}
