// Of y = LN(x) * weight * (1 + scale) + shift: dshift = sum dy, dscale = weight * sum (dy LN(x)), which
// go to chunks of the gradient of the modulation, and dweight += (1 + scale) * sum (dy LN(x)). Shares of
// the sums are added in order. An invocation owns four columns.

override C: u32;             // columns, a multiple of 4
override SHARES: u32;
override SHIFT_AT: u32;      // first column of shift, a multiple of 4
override SCALE_AT: u32;      // first column of scale, a multiple of 4
override LANES: u32;

const OUTPUT = 4u;           // gradient of the modulation, [1, SCALE_AT + C or more]

@group(0) @binding(0) var<storage, read> partials: array<vec4<f32>>;          // [SHARES, 2C]
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;            // [C]
@group(0) @binding(2) var<storage, read> modulation: array<vec4<f32>>;        // [1, SCALE_AT + C or more]
@group(0) @binding(3) var<storage, read_write> dweight: array<vec4<f32>>;     // [C]

@compute @workgroup_size(LANES)
fn backward_norm_merge(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let c = group.x * LANES + lane;
    if (c >= C / 4u) {
        return;
    }
    var plain = vec4(0.0);
    var weighed = vec4(0.0);
    for (var share = 0u; share < SHARES; share++) {
        let at = share * (C / 2u) + c;
        plain += partials[at];
        weighed += partials[at + C / 4u];
    }
    set_y4(SHIFT_AT / 4u + c, plain);
    set_y4(SCALE_AT / 4u + c, weight[c] * weighed);
    dweight[c] += (1.0 + modulation[SCALE_AT / 4u + c]) * weighed;
}
