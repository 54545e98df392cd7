// Joined to wide outer products whose sums are queries, keys and values: a tile is one head's. Does
// what rotary does, without a trip through memory.

override C: u32;             // channels
override D: u32;             // head width, 64
override CACHE_F16: bool;    // the cache is packed f16, else f32

@group(0) @binding(6) var<storage, read> angles: array<vec4<f32>>;    // [T, D]
@group(0) @binding(7) var<storage, read> slots: array<u32>;           // [T]

// Ends the sums of the rows from m on: `left` those of columns n .. n + 4, `right` of n + 32 ...
fn store_tile(left: ptr<function, Sums>, right: ptr<function, Sums>, m: u32, n: u32) {
    let heads = C / D;
    let head = n / D;
    let lane = n % D / 4u;
    let is_odd = lane % 2u == 1u;
    // Eight channels that this lane stores: even lanes of the lower half, odd ones of the upper.
    let eighth = lane / 2u + select(0u, D / 16u, is_odd);
    for (var r = 0u; r < HEIGHT; r++) {
        let t = m + r;
        var low = (*left)[r];
        var high = (*right)[r];
        if (head < 2u * heads) {
            let cosine = angles[t * (D / 4u) + lane];
            let sine = angles[t * (D / 4u) + D / 8u + lane];
            let turned = low * cosine - high * sine;
            high = high * cosine + low * sine;
            low = turned;
        }
        let got = subgroupShuffleXor(select(high, low, is_odd), 1u);
        let eight = Eight(select(low, got, is_odd), select(got, high, is_odd));
        if (head < heads) {
            store_query(t * (C / 8u) + head * (D / 8u) + eighth, eight);
        } else if (head < 2u * heads) {
            store_key(cached(head - heads, slots[t]) + eighth, eight);
        } else {
            store_value(cached(head - 2u * heads, slots[t]) + eighth, eight);
        }
    }
}
