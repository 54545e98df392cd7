// Joined to attention that runs over the union of its rows' spans: fetches a tile's queries.
//
// Provides: begin_tile(tile, t0, rows, head, lane)
// Needs: D, H, LANES, SCALE, join_spans, queries, query8

// Fetches the scaled queries of a tile, whose last rows may not be there; its places.
fn begin_tile(tile: u32, t0: u32, rows: u32, head: u32, lane: u32) -> vec4<u32> {
    for (var i = lane; i < tile * (D / 8u); i += LANES) {
        let row = t0 + min(i / (D / 8u), rows - 1u);
        let q = query8(row * (H * D / 8u) + head * (D / 8u) + i % (D / 8u));
        queries[2u * i] = SCALE * q.lo;
        queries[2u * i + 1u] = SCALE * q.hi;
    }
    return join_spans(t0, rows, lane);
}
