// Joined to attention_joined: what the lanes find of four rows, joined in workgroup memory.
//
// Provides: highest_of(lane), total_of(lane), store(values, weight, lane, rows, first)
// Needs: D, H, LANES, PARTS, met, scores, set_y4

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
    for (var i = 1u; i < PARTS; i++) {
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
    for (var i = 1u; i < PARTS; i++) {
        total += met[i];
    }
    return total;
}

// Sums a vector of each row's values over the teams, and stores the rows that are there: in every second
// vector of y from `first` on.
fn store(values: mat4x4<f32>, weight: vec4<f32>, lane: u32, rows: u32, first: u32) {
    scores[lane] = values[0];
    scores[LANES + lane] = values[1];
    scores[2u * LANES + lane] = values[2];
    scores[3u * LANES + lane] = values[3];
    workgroupBarrier();
    for (var i = lane; i < rows * (D / 8u); i += LANES) {
        let row = i / (D / 8u);
        let channels = i % (D / 8u);
        var sum = vec4(0.0);
        for (var j = channels; j < LANES; j += D / 8u) {
            sum += scores[row * LANES + j];
        }
        set_y4(first + row * (H * D / 4u) + 2u * channels, sum / weight[row]);
    }
    workgroupBarrier();
}
