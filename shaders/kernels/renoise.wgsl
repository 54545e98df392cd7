// The state of each cell for the next step: x = signal * P + spread * N. P is 1 at the cell's token, or
// at all tokens that pass the filter, and -1 elsewhere; N are unit normals, given in x or made of the
// cell's random bits by Box and Muller, two of each two words. The old state is forgotten. An
// invocation does four tokens. Source: Han et al., SSD-LM, 2023, without its posterior mean, as in the
// authors' code.

override V: u32;             // tokens that the filter knows; others are as -1
override STRIDE: u32;        // columns of logits and x, a multiple of 4
override FIRST: u32;         // the cell of the first row
override KEPT: bool;         // P is 1 at all tokens that pass the filter
override FILTERED: bool;     // limits hold a filter
override GIVEN: bool;        // x holds normals
override LANES: u32;

@group(0) @binding(0) var<storage, read> logits: array<vec4<f32>>;      // [R, STRIDE]
@group(0) @binding(1) var<storage, read> keys: array<vec4<u32>>;        // [T]
@group(0) @binding(2) var<storage, read> limits: array<vec2<u32>>;      // [T]
@group(0) @binding(3) var<storage, read> chosen: array<u32>;            // [T]
@group(0) @binding(4) var<uniform> step: Step;
@group(0) @binding(5) var<storage, read_write> x: array<vec4<f32>>;     // [T, STRIDE]

@compute @workgroup_size(LANES)
fn renoise(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let v4 = group.x * LANES + lane;
    if (v4 >= STRIDE / 4u) {
        return;
    }
    let t = FIRST + group.y;
    let tokens = 4u * v4 + vec4(0u, 1u, 2u, 3u);
    var is_one = tokens == vec4(chosen[t]);
    if (KEPT) {
        is_one = tokens < vec4(V);
        if (FILTERED) {
            let l = logits[group.y * (STRIDE / 4u) + v4];
            let limit = limits[t];
            for (var i = 0u; i < 4u; i++) {
                is_one[i] = is_one[i] && passes(l[i], tokens[i], limit);
            }
        }
    }
    let i = t * (STRIDE / 4u) + v4;
    var noise = x[i];
    if (!GIVEN) {
        noise = normals(row_bits(keys[t], step.step, FOR_NOISE), 4u * v4);
    }
    x[i] = step.signal * select(vec4(-1.0), vec4(1.0), is_one) + step.spread * noise;
}

// Unit normals of tokens v .. v + 4.
fn normals(bits: vec4<u32>, v: u32) -> vec4<f32> {
    let u = (vec4<f32>(pcg4d(bits ^ vec4(v, 0u, 0u, 0u))) + 0.5) * 0x1p-32;
    let radius = sqrt(-2.0 * log(min(u.xy, vec2(1.0))));
    let angle = 6.283185307179586 * u.zw;
    return vec4(radius * cos(angle), radius * sin(angle));
}
