// Rotates q and k by their positions and appends k and v to the cache. One workgroup per row.
//
// Half-split rotary over the full head width: channels j and j + D/2 of a head turn by the angle
// position / 10000^(2j/D). Its cosines, then sines, come from the CPU, where positions of any
// size keep their precision. Source: Su et al., RoFormer, 2021.

override C: u32;             // channels
override D: u32;             // head width, a multiple of 8
override F16: bool;          // the cache is packed f16, else f32
override LANES: u32;

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;             // [T, 3C]
@group(0) @binding(1) var<storage, read> angles: array<vec4<f32>>;          // [T, D]
@group(0) @binding(2) var<storage, read> slots: array<u32>;                 // [T]
@group(0) @binding(3) var<storage, read_write> q: array<vec4<f32>>;         // [T, C]
@group(0) @binding(4) var<storage, read_write> k_cache: array<vec2<u32>>;   // [S, C]
@group(0) @binding(5) var<storage, read_write> v_cache: array<vec2<u32>>;   // [S, C]

@compute @workgroup_size(LANES)
fn rotary(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = group.x;
    let half = D / 8u;       // of a head, in vec4
    let width = C / 4u;      // of a row, in vec4
    let slot = slots[t] * width;
    for (var i = lane; i < C / 8u; i += LANES) {
        let j = i % half;
        let lo = i / half * 2u * half + j;
        let hi = lo + half;
        let c = angles[t * 2u * half + j];
        let s = angles[t * 2u * half + half + j];
        let row = 3u * width * t;
        let q_lo = qkv[row + lo];
        let q_hi = qkv[row + hi];
        q[t * width + lo] = q_lo * c - q_hi * s;
        q[t * width + hi] = q_hi * c + q_lo * s;
        let k_lo = qkv[row + width + lo];
        let k_hi = qkv[row + width + hi];
        store_key(slot + lo, k_lo * c - k_hi * s);
        store_key(slot + hi, k_hi * c + k_lo * s);
        store_value(slot + lo, qkv[row + 2u * width + lo]);
        store_value(slot + hi, qkv[row + 2u * width + hi]);
    }
}

// Four channels of a key; i counts groups of four.
fn store_key(i: u32, x: vec4<f32>) {
    if (F16) {
        k_cache[i] = packed(x);
    } else {
        k_cache[2u * i] = bitcast<vec2<u32>>(x.xy);
        k_cache[2u * i + 1u] = bitcast<vec2<u32>>(x.zw);
    }
}

// Four channels of a value.
fn store_value(i: u32, x: vec4<f32>) {
    if (F16) {
        v_cache[i] = packed(x);
    } else {
        v_cache[2u * i] = bitcast<vec2<u32>>(x.xy);
        v_cache[2u * i + 1u] = bitcast<vec2<u32>>(x.zw);
    }
}

fn packed(x: vec4<f32>) -> vec2<u32> {
    return vec2(pack2x16float(x.xy), pack2x16float(x.zw));
}
