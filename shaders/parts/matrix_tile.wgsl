// Joined to outer products whose sums are a matrix: ends a tile.
//
// Provides: store_tile(left, right, m, n)
// Needs: HEIGHT, LANES, Sums, WIDE, store4

// Ends the sums of the rows from m on: `left` those of columns n .. n + 4, `right` of
// n + 4 * LANES ...
fn store_tile(left: ptr<function, Sums>, right: ptr<function, Sums>, m: u32, n: u32) {
    for (var r = 0u; r < HEIGHT; r++) {
        store4(m + r, n, (*left)[r]);
        if (WIDE) {
            store4(m + r, n + 4u * LANES, (*right)[r]);
        }
    }
}
