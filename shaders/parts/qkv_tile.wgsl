// Joined to wide outer products whose sums are queries, keys and values: a tile of 8 lanes is one
// head's, the halves of a tile of 16 lanes are two heads'. Fuses rotary with
// the product.
//
// Provides: D, CACHE_F16, QUERIES, KEYS, VALUES, store_tile(left, right, m, n)
// Needs: HEIGHT, LANES, Sums, cached, store_key, store_query, store_value

override H: u32;             // query heads
override G: u32;             // key heads
override D: u32;             // head width, 64
override CACHE_F16: bool;    // the cache is packed f16, else f32

const QUERIES = 5u;          // [T, H * D]
const KEYS = 6u;             // the caches: [G, S, D]
const VALUES = 7u;

@group(0) @binding(3) var<storage, read> angles: array<vec4<f32>>;    // [T, D]
@group(0) @binding(4) var<storage, read> slots: array<u32>;           // [T]

// Ends the sums of the rows from m on: `left` those of columns n .. n + 4, `right` of
// n + 4 * LANES ...
fn store_tile(left: ptr<function, Sums>, right: ptr<function, Sums>, m: u32, n: u32) {
    let turning = H + G;     // heads that are rotated: queries and keys
    let left_head = n / D;
    let right_head = (n + 4u * LANES) / D;
    let lane = n % D / 4u;
    let is_odd = lane % 2u == 1u;
    for (var r = 0u; r < HEIGHT; r++) {
        let t = m + r;
        var x = Eight((*left)[r], (*right)[r]);
        if (left_head < turning) {
            let turned = turn(x, t * (D / 4u) + lane % 8u, lane);
            x.lo = turned.lo;
            // Of an odd number of heads the last one stands left of the first value.
            if (turning % 2u == 0u || right_head < turning) {
                x.hi = turned.hi;
            }
        }
        // Even lanes store eight channels of the left, odd ones of the right.
        let got = subgroupShuffleXor(select(x.hi, x.lo, is_odd), 1u);
        let eight = Eight(select(x.lo, got, is_odd), select(got, x.hi, is_odd));
        let first = (n + select(0u, 4u * LANES, is_odd)) % D / 8u;
        store_eight(select(left_head, right_head, is_odd), first, t, eight);
    }
}

// Rotates by the cosines and sines at i. The channels that turn together are 32 apart: those of the
// left and of the right, or of lanes eight apart.
fn turn(x: Eight, i: u32, lane: u32) -> Eight {
    let cosine = angles[i];
    let sine = angles[i + D / 8u];
    if (LANES == 8u) {
        return Eight(x.lo * cosine - x.hi * sine, x.hi * cosine + x.lo * sine);
    }
    let other = Eight(subgroupShuffleXor(x.lo, 8u), subgroupShuffleXor(x.hi, 8u));
    let signed_sine = select(sine, -sine, lane < 8u);
    return Eight(x.lo * cosine + other.lo * signed_sine, x.hi * cosine + other.hi * signed_sine);
}

// Stores the eight channels from 8 * first on. Behind the last head there is nothing.
fn store_eight(head: u32, first: u32, t: u32, x: Eight) {
    if (head < H) {
        store_query((t * H + head) * (D / 8u) + first, x);
    } else if (head < H + G) {
        store_key(cached(head - H, slots[t]) + first, x);
    } else if (head < H + 2u * G) {
        store_value(cached(head - H - G, slots[t]) + first, x);
    }
}
