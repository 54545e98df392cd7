// Joined to matrix products: the bias, which sums begin or end with.
//
// Provides: N, INPUT, bias4(n), bias2(n)

override N: u32;             // outputs of this part

const INPUT = 1u;            // x [M, K]

@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;    // [N]

// Of columns n .. n + 4, n a multiple of 4.
fn bias4(n: u32) -> vec4<f32> {
    return bias[min(n, N - 1u) / 4u];
}

// Of columns n and n + 1, n a multiple of 2.
fn bias2(n: u32) -> vec2<f32> {
    let four = bias4(n);
    return select(four.xy, four.zw, n % 4u == 2u);
}
