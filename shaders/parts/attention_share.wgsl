// Joined to attention_split: ends the sums of a share's values.
//
// Provides: scaled(x, by), finish(value, found, lane, place, stored)
// Needs: D, H, LANES, SHARES, high, low, set_y4

fn scaled(x: Eight, by: f32) -> Eight {
    return Eight(by * x.lo, by * x.hi);
}

// Sums a row's values over the teams and stores them: the attention itself, or a share of it with
// its highest score and its weight. place: row, head, share.
fn finish(value: Eight, found: vec2<f32>, lane: u32, place: vec3<u32>, stored: bool) {
    low[lane] = value.lo;
    high[lane] = value.hi;
    workgroupBarrier();
    if (stored && lane < D / 8u) {
        var sum = Eight(vec4(0.0), vec4(0.0));
        for (var i = lane; i < LANES; i += D / 8u) {
            sum = Eight(sum.lo + low[i], sum.hi + high[i]);
        }
        if (SHARES == 1u) {
            let at = place.x * (H * D / 4u) + place.y * (D / 4u) + 2u * lane;
            set_y4(at, sum.lo / found.y);
            set_y4(at + 1u, sum.hi / found.y);
        } else {
            let begin = ((place.x * SHARES + place.z) * H + place.y) * (D / 4u + 1u);
            set_y4(begin + 2u * lane, sum.lo);
            set_y4(begin + 2u * lane + 1u, sum.hi);
            if (lane == 0u) {
                set_y4(begin + D / 4u, vec4(found, 0.0, 0.0));
            }
        }
    }
    workgroupBarrier();
}
