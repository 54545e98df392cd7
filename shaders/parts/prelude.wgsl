// Joined to every kernel: what several of them need.
//
// Provides: NEVER, Eight, scaled(x, by), unpack_f16(p), unpack_f32(lo, hi), pack_f16(x), texel(i)
// Provides: gelu_tanh(x), gelu_erf(x), pcg4d(counter)

// Stands for minus infinity, which some drivers do not keep.
const NEVER: f32 = -1e30;

// Eight consecutive numbers of a row.
struct Eight {
    lo: vec4<f32>,
    hi: vec4<f32>,
}

fn scaled(x: Eight, by: f32) -> Eight {
    return Eight(by * x.lo, by * x.hi);
}

// Eight f16 numbers, two to a word, lower half first.
fn unpack_f16(p: vec4<u32>) -> Eight {
    let a = unpack2x16float(p.x);
    let b = unpack2x16float(p.y);
    let c = unpack2x16float(p.z);
    let d = unpack2x16float(p.w);
    return Eight(vec4(a, b), vec4(c, d));
}

// Eight f32 numbers as they are.
fn unpack_f32(lo: vec4<u32>, hi: vec4<u32>) -> Eight {
    return Eight(bitcast<vec4<f32>>(lo), bitcast<vec4<f32>>(hi));
}

fn pack_f16(x: Eight) -> vec4<u32> {
    return vec4(
        pack2x16float(x.lo.xy),
        pack2x16float(x.lo.zw),
        pack2x16float(x.hi.xy),
        pack2x16float(x.hi.zw),
    );
}

// Where texel i of a tensor is in its texture.
const TEXTURE_WIDTH = 4096u;
fn texel(i: u32) -> vec2<u32> {
    return vec2(i % TEXTURE_WIDTH, i / TEXTURE_WIDTH);
}

// GELU, tanh approximation. The argument is clamped: tanh of large numbers overflows on some
// drivers, and beyond 10 the result does not change.
fn gelu_tanh(x: vec4<f32>) -> vec4<f32> {
    let inner = 0.7978845608028654 * (x + 0.044715 * x * x * x);
    return 0.5 * x * (1.0 + tanh(clamp(inner, vec4(-10.0), vec4(10.0))));
}

// GELU by the error function, whose approximation is within 2e-7. Source: Abramowitz and Stegun, 7.1.26.
fn gelu_erf(x: vec4<f32>) -> vec4<f32> {
    let z = min(abs(x) * 0.7071067811865476, vec4(9.0));
    let t = 1.0 / (1.0 + 0.3275911 * z);
    let high = t * (1.421413741 + t * (-1.453152027 + t * 1.061405429));
    let erf = 1.0 - t * (0.254829592 + t * (-0.284496736 + high)) * exp(-z * z);
    return 0.5 * x * (1.0 + sign(x) * erf);
}

// Counter-based random bits. Source: Jarzynski and Olano, Hash Functions for GPU Rendering, 2020.
fn pcg4d(counter: vec4<u32>) -> vec4<u32> {
    var v = counter * 1664525u + 1013904223u;
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    v ^= v >> vec4(16u);
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    return v;
}
