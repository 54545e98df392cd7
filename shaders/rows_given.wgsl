// Joined to matmul_rows where its rows are multiplied as they are.

// Weights k8 of row n, the tile's i-th column.
fn weighed(n: u32, k8: u32, i: u32) -> Eight {
    return weights(n, k8);
}

// Eight numbers of the tile's row r.
fn given(r: u32, i: u32, k8: u32, is_first: bool) -> Eight {
    return Eight(x4(i), x4(i + 1u));
}

// Nothing but the sums meets.
fn meet(lane: u32) {
}

fn ended(r: u32, sum: vec4<f32>) -> vec4<f32> {
    return sum;
}
