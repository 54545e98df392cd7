// Joined to attention that runs over the union of its rows' spans: the keys of the union are
// numbered, first those of the first span. Places are where the spans begin, the keys of the first,
// and all keys.
//
// Provides: begin_tile(tile, stride, t0, rows, head, lane), slot(i, places), sees(r, i, places)
// Provides: begin_spans(tile, t0, rows, lane), all_see(i, count, places)
// Needs: D, H, LANES, SCALE, queries, query8, spans

var<workgroup> seen: array<vec4<u32>, 64>;   // spans of the tile's rows
var<workgroup> joined: vec4<u32>;            // their union
var<workgroup> seen_by_all: vec4<u32>;       // what all of them see

// Fetches the scaled queries of a tile, `stride` vectors to a row, and the spans of its rows, of which
// the last ones may not be there; its places.
fn begin_tile(tile: u32, stride: u32, t0: u32, rows: u32, head: u32, lane: u32) -> vec4<u32> {
    for (var i = lane; i < tile * (D / 8u); i += LANES) {
        let row = t0 + min(i / (D / 8u), rows - 1u);
        let q = query8(row * (H * D / 8u) + head * (D / 8u) + i % (D / 8u));
        let at = i / (D / 8u) * stride + 2u * (i % (D / 8u));
        queries[at] = SCALE * q.lo;
        queries[at + 1u] = SCALE * q.hi;
    }
    return begin_spans(tile, t0, rows, lane);
}

// Fetches the spans of a tile's rows; its places.
fn begin_spans(tile: u32, t0: u32, rows: u32, lane: u32) -> vec4<u32> {
    for (var r = lane; r < tile; r += LANES) {
        seen[r] = spans[t0 + min(r, rows - 1u)];
    }
    workgroupBarrier();
    if (lane == 0u) {
        join_spans(tile);
    }
    return placed(workgroupUniformLoad(&joined));
}

// The union of the spans, and what all of them see; spans without slots do not count in the union.
fn join_spans(tile: u32) {
    var all = vec4(0xffffffffu, 0u, 0xffffffffu, 0u);
    var each = vec4(0u, 0xffffffffu, 0u, 0xffffffffu);
    for (var r = 0u; r < tile; r++) {
        let span = seen[r];
        if (span.x < span.y) {
            all = vec4(min(all.x, span.x), max(all.y, span.y), all.zw);
        }
        if (span.z < span.w) {
            all = vec4(all.xy, min(all.z, span.z), max(all.w, span.w));
        }
        each = vec4(max(each.xz, span.xz), min(each.yw, span.yw)).xzyw;
    }
    joined = all;
    seen_by_all = each;
}

fn placed(joined: vec4<u32>) -> vec4<u32> {
    let n_first = max(joined.y, joined.x) - joined.x;
    return vec4(joined.xz, n_first, n_first + max(joined.w, joined.z) - joined.z);
}

// The cache slot of key i; of the last one beyond them.
fn slot(i: u32, places: vec4<u32>) -> u32 {
    let kept = min(i, places.w - 1u);
    return select(kept - places.z + places.y, kept + places.x, kept < places.z);
}

// Whether the tile's row r sees key i.
fn sees(r: u32, i: u32, places: vec4<u32>) -> bool {
    let span = seen[r];
    let at = slot(i, places);
    let first = at >= span.x && at < span.y;
    let second = at >= span.z && at < span.w;
    return i < places.w && select(second, first, i < places.z);
}

// Whether all rows see the keys i .. i + count.
fn all_see(i: u32, count: u32, places: vec4<u32>) -> bool {
    let first = slot(i, places);
    let is_first = i + count <= places.z && first >= seen_by_all.x && first + count <= seen_by_all.y;
    let is_second = i >= places.z && first >= seen_by_all.z && first + count <= seen_by_all.w;
    return i + count <= places.w && (is_first || is_second);
}
