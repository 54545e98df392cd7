// y = x / sqrt(mean(x^2) + epsilon) * weight. One workgroup per row. Source: Zhang and Sennrich, 2019.
//
// Rows may be padded with columns of zeros, fewer than eight: the mean is that of the channels, and
// the padding stays zero.

override C: u32;             // columns, a multiple of 4
override CHANNELS: u32;      // the first columns; the others are padding
override EPSILON: f32;       // added to the mean of the squares

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;         // [T, C]
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;    // [C]
const OUTPUT = 2u;           // y [T, C]

@compute @workgroup_size(LANES)
fn rms_norm(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = group.x * (C / 4u);
    var squares = vec4(0.0);
    for (var c = lane; c < C / 4u; c += LANES) {
        squares += x[row + c] * x[row + c];
    }
    let mean = total(dot(squares, vec4(1.0)), lane) / f32(CHANNELS);
    let inverse_root = inverseSqrt(mean + EPSILON);
    for (var c = lane; c < C / 4u; c += LANES) {
        set_y4(row + c, x[row + c] * inverse_root * weight[c]);
    }
}
