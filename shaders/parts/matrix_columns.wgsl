// Joined to products of many rows whose sums are a matrix.
//
// Provides: weight_row(n), store_pair(m, left, right, lo, hi)
// Needs: bias4, store4

// The row of w that column n of the sums belongs to.
fn weight_row(n: u32) -> u32 {
    return n;
}

// Ends the sums of two times four columns of row m; without a bias yet.
fn store_pair(m: u32, left: u32, right: u32, lo: vec4<f32>, hi: vec4<f32>) {
    store4(m, left, bias4(left) + lo);
    store4(m, right, bias4(right) + hi);
}
