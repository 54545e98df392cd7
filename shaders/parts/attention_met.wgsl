// Joined to attention of few rows: what the lanes find of four rows meets in workgroup memory.
//
// Provides: highest_of(lane), total_of(lane)
// Needs: LANES, PARTS, met, scores

// The highest of the vectors that the lanes have in the first scores.
fn highest_of(lane: u32) -> vec4<f32> {
    if (lane < PARTS) {
        var part = scores[lane];
        for (var i = lane + PARTS; i < LANES; i += PARTS) {
            part = max(part, scores[i]);
        }
        met[lane] = part;
    }
    workgroupBarrier();
    var highest = met[0];
    for (var i = 1u; i < min(PARTS, LANES); i++) {
        highest = max(highest, met[i]);
    }
    return highest;
}

// Their sum.
fn total_of(lane: u32) -> vec4<f32> {
    if (lane < PARTS) {
        var part = scores[lane];
        for (var i = lane + PARTS; i < LANES; i += PARTS) {
            part += scores[i];
        }
        met[lane] = part;
    }
    workgroupBarrier();
    var total = met[0];
    for (var i = 1u; i < min(PARTS, LANES); i++) {
        total += met[i];
    }
    return total;
}
