// Normalises the heads of queries and keys as head_norm does, rotates them by their positions, and stores
// keys and values in the cache as rotary does. One workgroup per head and row.

override H: u32;             // query heads
override G: u32;             // key heads
override D: u32;             // head width, a multiple of 8
override CHANNELS: u32;      // channels of a head; the others are padding
override EPSILON: f32;       // added to the mean of the squares
override CACHE_F16: bool;    // the cache is packed f16, else f32

const QUERIES = 4u;          // [T, H * D]
const KEYS = 5u;             // the caches: [S, G * D]
const VALUES = 6u;

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;       // [T, (H + 2G) * D]
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;    // [2, D]
@group(0) @binding(2) var<storage, read> angles: array<vec4<f32>>;    // [T, D]
@group(0) @binding(3) var<storage, read> slots: array<u32>;           // [T]

@compute @workgroup_size(LANES)
fn normed_rotary(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let head = group.x;      // of queries, then keys, then values
    let t = group.y;
    let first = (t * (H + 2u * G) + head) * (D / 4u);
    var squares = vec4(0.0);
    for (var c = lane; c < D / 4u; c += LANES) {
        squares += qkv[first + c] * qkv[first + c];
    }
    let mean = total(dot(squares, vec4(1.0)), lane) / f32(CHANNELS);
    let inverse_root = inverseSqrt(mean + EPSILON);
    for (var i = lane; i < D / 8u; i += LANES) {
        let low = turned(head, t, first, 2u * i);
        let high = turned(head, t, first, 2u * i + 1u);
        let x = scaled(Eight(low, high), inverse_root);
        if (head < H) {
            store_query((t * H + head) * (D / 8u) + i, x);
        } else if (head < H + G) {
            store_key(cached(head - H, slots[t]) + i, x);
        } else {
            let value = Eight(qkv[first + 2u * i], qkv[first + 2u * i + 1u]);
            store_value(cached(head - H - G, slots[t]) + i, value);
        }
    }
}

// Channels 4 * c .. of a head by their gains, rotated.
fn turned(head: u32, t: u32, first: u32, c: u32) -> vec4<f32> {
    let half = D / 8u;       // of a head, in vec4
    let gain = select(2u * half, 0u, head < H);
    let is_low = c < half;
    let other = select(c - half, c + half, is_low);
    let angle = 2u * half * t + c % half;
    let sine = select(angles[angle + half], -angles[angle + half], is_low);
    let own = qkv[first + c] * weight[gain + c];
    return own * angles[angle] + qkv[first + other] * weight[gain + other] * sine;
}
