// Joined to products of many rows whose sums are gates and what they let through: to the right of HALF
// gates stand the columns that go through them. Fuses swiglu with the product.
//
// Provides: weight_row(n), store_pair(m, left, right, lo, hi)
// Needs: HALF, N, bias4, let_through

@group(0) @binding(3) var<storage, read_write> gated: array<vec4<f32>>;    // [M, N / 2]

// The row of w that column n of the sums belongs to: gates are its first half.
fn weight_row(n: u32) -> u32 {
    let is_right = n % (2u * HALF) >= HALF;
    return n / (2u * HALF) * HALF + n % HALF + select(0u, N / 2u, is_right);
}

// Ends the sums of four gates of row m, and of the columns that go through them; without a bias yet.
fn store_pair(m: u32, left: u32, right: u32, lo: vec4<f32>, hi: vec4<f32>) {
    let n = weight_row(left);
    if (n >= N / 2u) {
        return;
    }
    gated[(m * (N / 2u) + n) / 4u] = let_through(bias4(n) + lo, bias4(n + N / 2u) + hi);
}
