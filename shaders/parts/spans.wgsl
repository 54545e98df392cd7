// Joined to attention that runs over the union of its rows' spans: the keys of the union are
// numbered, first those of the first span. Places are where the spans begin, the keys of the first,
// and all keys.
//
// Provides: join_spans(t0, rows, lane), slot(i, places), sees(seen, i, places)
// Needs: spans

var<workgroup> joined: vec4<u32>;    // the union of the spans

// The places of a tile.
fn join_spans(t0: u32, rows: u32, lane: u32) -> vec4<u32> {
    if (lane == 0u) {
        joined = joined_spans(t0, rows);
    }
    return placed(workgroupUniformLoad(&joined));
}

// The union of the spans of the rows from t on; spans without slots do not count.
fn joined_spans(t: u32, rows: u32) -> vec4<u32> {
    var joined = vec4(0xffffffffu, 0u, 0xffffffffu, 0u);
    for (var r = 0u; r < rows; r++) {
        let span = spans[t + r];
        if (span.x < span.y) {
            joined = vec4(min(joined.x, span.x), max(joined.y, span.y), joined.zw);
        }
        if (span.z < span.w) {
            joined = vec4(joined.xy, min(joined.z, span.z), max(joined.w, span.w));
        }
    }
    return joined;
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

// Whether a row with these spans sees key i.
fn sees(seen: vec4<u32>, i: u32, places: vec4<u32>) -> bool {
    let at = slot(i, places);
    let first = at >= seen.x && at < seen.y;
    let second = at >= seen.z && at < seen.w;
    return i < places.w && select(second, first, i < places.z);
}
