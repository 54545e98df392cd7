// Joined to attention_joined: ends the sums of four rows' values.
//
// Provides: store(values, weight, lane, rows, first)
// Needs: D, H, LANES, scores, set_y4

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
