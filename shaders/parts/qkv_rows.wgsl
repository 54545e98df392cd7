// Joined to matmul_rows where its sums are queries, keys and values: a tile is two neighbouring
// channels of a head and the two that turn with them. Fuses rotary with the product.
// Queries and caches are words here: one for two f16 or one f32.
//
// Provides: NORM, MODULATION, column(tile, i), store_columns(m, tile, sum)
// Needs: bias2

override H: u32;             // query heads
override G: u32;             // key heads
override D: u32;             // head width, a multiple of 8
override CACHE_F16: bool;    // the cache is packed f16, else f32
override ROWS: u32;          // rows that are there

const NORM = 8u;             // weight of a fused norm
const MODULATION = 9u;       // its shift and scale

@group(0) @binding(3) var<storage, read> angles: array<f32>;                // [T, D]
@group(0) @binding(4) var<storage, read> slots: array<u32>;                 // [T]
@group(0) @binding(5) var<storage, read_write> q: array<vec2<f32>>;         // [T, H * D]
@group(0) @binding(6) var<storage, read_write> k_cache: array<u32>;         // [S, G * D]
@group(0) @binding(7) var<storage, read_write> v_cache: array<u32>;         // [S, G * D]

fn column(tile: u32, i: u32) -> u32 {
    let per_head = D / 4u;
    return tile / per_head * D + tile % per_head * 2u + i % 2u + select(0u, D / 2u, i >= 2u);
}

// Ends the sums of row m; without a bias yet.
fn store_columns(m: u32, tile: u32, sum: vec4<f32>) {
    if (m >= ROWS) {
        return;
    }
    let n = column(tile, 0u);
    var low = sum.xy + bias2(n);
    var high = sum.zw + bias2(n + D / 2u);
    let head = n / D;        // of queries, then keys, then values
    if (head < H + G) {
        let at = m * D + n % D;
        let cosine = vec2(angles[at], angles[at + 1u]);
        let sine = vec2(angles[at + D / 2u], angles[at + D / 2u + 1u]);
        let turned = low * cosine - high * sine;
        high = high * cosine + low * sine;
        low = turned;
    }
    if (head < H) {
        let i = (m * H * D + n) / 2u;
        q[i] = low;
        q[i + D / 4u] = high;
        return;
    }
    let is_key = head < H + G;
    let first = select((H + G) * D, H * D, is_key);
    let i = (slots[m] * G * D + n - first) / 2u;
    hold(is_key, i, low);
    hold(is_key, i + D / 4u, high);
}

// Makes these pair i of the keys or of the values.
fn hold(is_key: bool, i: u32, pair: vec2<f32>) {
    if (CACHE_F16) {
        hold_word(is_key, i, pack2x16float(pair));
        return;
    }
    hold_word(is_key, 2u * i, bitcast<u32>(pair.x));
    hold_word(is_key, 2u * i + 1u, bitcast<u32>(pair.y));
}

fn hold_word(is_key: bool, i: u32, word: u32) {
    if (is_key) {
        k_cache[i] = word;
    } else {
        v_cache[i] = word;
    }
}
