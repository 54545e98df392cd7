// Joined to attention_split: ends the sums of a share's values.
//
// Provides: finish(value, found, lane, place, stored)
// Needs: D, H, LANES, SHARES, high, low, set_y4

// Sums a row's values over the teams and stores them with the share's highest score and its weight.
// place: row, head, share.
fn finish(value: Eight, found: vec2<f32>, lane: u32, place: vec3<u32>, stored: bool) {
    low[lane] = value.lo;
    high[lane] = value.hi;
    workgroupBarrier();
    if (stored && lane < D / 8u) {
        var sum = Eight(vec4(0.0), vec4(0.0));
        for (var i = lane; i < LANES; i += D / 8u) {
            sum = Eight(sum.lo + low[i], sum.hi + high[i]);
        }
        let begin = ((place.x * SHARES + place.z) * H + place.y) * (D / 4u + 1u);
        set_y4(begin + 2u * lane, sum.lo);
        set_y4(begin + 2u * lane + 1u, sum.hi);
        if (lane == 0u) {
            set_y4(begin + D / 4u, vec4(found, 0.0, 0.0));
        }
    }
    workgroupBarrier();
}
