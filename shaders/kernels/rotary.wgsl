// Rotates queries and keys by their positions, and stores keys and values in the cache. One workgroup
// per row.
//
// Half-split rotary over the full head width: channels j and j + D/2 of a head turn by the angle of
// their row: position / base^(2j/D), D without padding. Its cosines, then sines, come from the CPU,
// where positions of any size keep their precision. Source: Su et al., RoFormer, 2021.

override H: u32;             // query heads
override G: u32;             // key heads
override D: u32;             // head width, a multiple of 8
override CACHE_F16: bool;    // the cache is packed f16, else f32
override LANES: u32;

const QUERIES = 3u;          // [T, H * D]
const KEYS = 4u;             // the caches: [S, G * D], in texels [G, S, D]
const VALUES = 5u;

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;       // [T, (H + 2G) * D]
@group(0) @binding(1) var<storage, read> angles: array<vec4<f32>>;    // [T, D]
@group(0) @binding(2) var<storage, read> slots: array<u32>;           // [T]

@compute @workgroup_size(LANES)
fn rotary(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = group.x;
    let queries = H * D / 8u;
    let keys = G * D / 8u;
    let qkv_at = 2u * (queries + 2u * keys) * t;
    for (var i = lane; i < queries; i += LANES) {
        let at = qkv_at + 2u * i;
        store_query(t * queries + i, Eight(turned(at, 2u * i, t), turned(at + 1u, 2u * i + 1u, t)));
        if (G < H && i >= keys) {
            continue;
        }
        let slot = cached(i / (D / 8u), slots[t]) + i % (D / 8u);
        let k = at + 2u * queries;
        store_key(slot, Eight(turned(k, 2u * i, t), turned(k + 1u, 2u * i + 1u, t)));
        let v = k + 2u * keys;
        store_value(slot, Eight(qkv[v], qkv[v + 1u]));
    }
}

// Four numbers of qkv, rotated: those at `at`, channels 4 * c4 .. of row t.
fn turned(at: u32, c4: u32, t: u32) -> vec4<f32> {
    let half = D / 8u;       // of a head, in vec4
    let in_head = c4 % (2u * half);
    let angle = 2u * half * t + in_head % half;
    let is_low = in_head < half;
    let other = qkv[select(at - half, at + half, is_low)];
    let sine = angles[angle + half];
    return qkv[at] * angles[angle] + other * select(sine, -sine, is_low);
}
