// Joined to gated sums: dropout whose bits come from a counter, so that the backward pass draws the same
// ones again.
//
// Provides: DROPOUT, kept(i), Draw
// Needs: draw

override DROPOUT: bool;
override SITE: u32;          // which of the network's dropouts this is

struct Draw {
    seed: vec2<u32>,
    dropped_below: u32,      // of 2^32
    scale: f32,              // of what is kept: 1 / (1 - probability)
}

// What the four numbers at i are multiplied with: 0, or the scale.
fn kept(i: u32) -> vec4<f32> {
    if (!DROPOUT) {
        return vec4(1.0);
    }
    let bits = pcg4d(vec4(i, SITE, draw.seed));
    return select(vec4(draw.scale), vec4(0.0), bits < vec4(draw.dropped_below));
}
