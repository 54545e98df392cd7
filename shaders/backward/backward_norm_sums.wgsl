// Sums of dy and of dy * LN(x) over a share of the rows: backward_norm_merge makes the gradients of
// shift, scale and weight of them. An invocation owns four columns.

override T: u32;             // rows
override C: u32;             // columns, a multiple of 4
override SHARE: u32;         // rows of a share
override LANES: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;                 // [T, C]
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;                // [T, C]
@group(0) @binding(2) var<storage, read> stats: array<vec2<f32>>;             // [T, 2]
@group(0) @binding(3) var<storage, read_write> partials: array<vec4<f32>>;    // [shares, 2C]

@compute @workgroup_size(LANES)
fn backward_norm_sums(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let c = group.x * LANES + lane;
    if (c >= C / 4u) {
        return;
    }
    var plain = vec4(0.0);
    var weighed = vec4(0.0);
    for (var t = group.y * SHARE; t < min(T, (group.y + 1u) * SHARE); t++) {
        let i = t * (C / 4u) + c;
        let found = stats[t];
        plain += dy[i];
        weighed += dy[i] * (x[i] - found.x) * found.y;
    }
    let at = group.y * (C / 2u) + c;
    partials[at] = plain;
    partials[at + C / 4u] = weighed;
}
