// Joined to matmul_rows where its sums are gates and what they let through: a tile is two neighbouring
// gates and the two columns that go through them. Fuses swiglu with the product.
//
// Provides: NORM, column(tile, i), store_columns(m, tile, sum)
// Needs: N, bias2, let_through

const NORM = 4u;             // weight of a fused norm

@group(0) @binding(3) var<storage, read_write> gated: array<vec2<f32>>;    // [M, N / 2]

fn column(tile: u32, i: u32) -> u32 {
    return 2u * tile + i % 2u + select(0u, N / 2u, i >= 2u);
}

// Ends the sums of row m; without a bias yet.
fn store_columns(m: u32, tile: u32, sum: vec4<f32>) {
    let n = 2u * tile;
    let pairs = sum + vec4(bias2(n), bias2(n + N / 2u));
    gated[m * (N / 4u) + tile] = let_through(pairs, pairs.zwxy).xy;
}
