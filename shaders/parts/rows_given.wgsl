// Joined to matmul_rows: its rows are multiplied as they are.
//
// Provides: others(), weighed(n, k8, i), given(r, i, k8, is_first), meet(r0, lane)
// Provides: meet_row(r, lane), ended(r, sum)
// Needs: LANES, MEETING, partial, s, weights, x4

// Weights k8 of row n, the tile's i-th column.
fn weighed(n: u32, k8: u32, i: u32) -> Eight {
    return weights(n, k8);
}

// Eight numbers of the tile's row r.
fn given(r: u32, i: u32, k8: u32, is_first: bool) -> Eight {
    return Eight(x4(i), x4(i + 1u));
}

fn meet(r0: u32, lane: u32) {
}

fn meet_row(r: u32, lane: u32) {
    partial[r % MEETING * LANES + lane] = s[r];
}

fn ended(r: u32, sum: vec4<f32>) -> vec4<f32> {
    return sum;
}

// Rows of other sums that meet.
fn others() -> u32 {
    return 0u;
}
