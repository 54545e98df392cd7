// Of y = LN(x) * weight * (1 + scale) + shift, with n = LN(x) and g = dy * weight * (1 + scale):
// dx = (g - mean(g) - n * mean(g n)) / deviation, stored or added to what is there. Mean and inverse
// deviation of each row go to `stats`, for backward_norm_sums. One workgroup per row.
//
// Rows may be padded with columns of zeros, see norm; there dx is 0.

override C: u32;             // columns, a multiple of 4
override CHANNELS: u32;      // the first columns; the others are padding
override EPSILON: f32;       // added to the variance
override SCALE_AT: u32;      // first column of scale
override ADD: bool;          // add to dx instead of overwriting it

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;               // [T, C]
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;              // [T, C]
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;          // [C]
@group(0) @binding(3) var<storage, read> modulation: array<vec4<f32>>;      // [1, SCALE_AT + C or more]
@group(0) @binding(4) var<storage, read_write> dx: array<vec4<f32>>;        // [T, C]
@group(0) @binding(5) var<storage, read_write> stats: array<vec2<f32>>;     // [T, 2]

@compute @workgroup_size(LANES)
fn backward_norm(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = group.x * (C / 4u);
    var sum = vec4(0.0);
    for (var c = lane; c < C / 4u; c += LANES) {
        sum += x[row + c];
    }
    let mean = total(dot(sum, vec4(1.0)), lane) / f32(CHANNELS);
    var squares = vec4(0.0);
    for (var c = lane; c < C / 4u; c += LANES) {
        let centred = select(vec4(0.0), x[row + c] - mean, is_channel(c));
        squares += centred * centred;
    }
    let variance = total(dot(squares, vec4(1.0)), lane) / f32(CHANNELS);
    let inverse_deviation = inverseSqrt(variance + EPSILON);
    var plain = vec4(0.0);
    var weighed = vec4(0.0);
    for (var c = lane; c < C / 4u; c += LANES) {
        let g = gradient(row, c);
        plain += g;
        weighed += g * (x[row + c] - mean) * inverse_deviation;
    }
    let mean_plain = total(dot(plain, vec4(1.0)), lane) / f32(CHANNELS);
    let mean_weighed = total(dot(weighed, vec4(1.0)), lane) / f32(CHANNELS);
    for (var c = lane; c < C / 4u; c += LANES) {
        let normal = (x[row + c] - mean) * inverse_deviation;
        let centred = gradient(row, c) - mean_plain - normal * mean_weighed;
        let found = select(vec4(0.0), inverse_deviation * centred, is_channel(c));
        if (ADD) {
            dx[row + c] += found;
        } else {
            dx[row + c] = found;
        }
    }
    if (lane == 0u) {
        stats[group.x] = vec2(mean, inverse_deviation);
    }
}

// Of LN(x); 0 in the padding, where the weight is.
fn gradient(row: u32, c: u32) -> vec4<f32> {
    return dy[row + c] * weight[c] * (1.0 + modulation[SCALE_AT / 4u + c]);
}

fn is_channel(c: u32) -> vec4<bool> {
    return 4u * c + vec4(0u, 1u, 2u, 3u) < vec4(CHANNELS);
}
