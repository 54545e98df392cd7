// Joined to matmul_rows, its sums a matrix: a tile is four neighbouring columns.
//
// Provides: column(tile, i), store_columns(m, tile, sum)
// Needs: bias4, store4

fn column(tile: u32, i: u32) -> u32 {
    return 4u * tile + i;
}

// Ends the sums of row m; without a bias yet.
fn store_columns(m: u32, tile: u32, sum: vec4<f32>) {
    store4(m, 4u * tile, bias4(4u * tile) + sum);
}
