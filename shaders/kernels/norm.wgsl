// y = LN(x) * weight * (1 + scale) + shift, LN without a bias; the weight multiplies before the
// modulation. shift and scale are those of the row's sequence. One workgroup per row.
//
// Rows may be padded with columns of zeros, fewer than eight: mean and variance are those of the
// channels. The padding stays zero where weight and shift are zero there.

override C: u32;             // columns, a multiple of 4
override CHANNELS: u32;      // the first columns; the others are padding
override EPSILON: f32;       // added to the variance
override SEQ_ROWS: u32;      // consecutive rows of one sequence
override SEQS: u32;          // sequences; their rows repeat in this order
override STRIDE: u32;        // columns of modulation
override SHIFT_AT: u32;      // first column of shift
override SCALE_AT: u32;      // first column of scale

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;             // [T, C]
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;        // [C]
@group(0) @binding(2) var<storage, read> modulation: array<vec4<f32>>;    // [SEQS, STRIDE]
const OUTPUT = 3u;           // y [T, C]

@compute @workgroup_size(LANES)
fn norm(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = group.x;
    let row = t * (C / 4u);
    var sum = vec4(0.0);
    for (var c = lane; c < C / 4u; c += LANES) {
        sum += x[row + c];
    }
    let mean = total(dot(sum, vec4(1.0)), lane) / f32(CHANNELS);
    var squares = vec4(0.0);
    for (var c = lane; c < C / 4u; c += LANES) {
        var centred = x[row + c] - mean;
        if (CHANNELS < C) {
            centred = select(vec4(0.0), centred, 4u * c + vec4(0u, 1u, 2u, 3u) < vec4(CHANNELS));
        }
        squares += centred * centred;
    }
    let variance = total(dot(squares, vec4(1.0)), lane) / f32(CHANNELS);
    let inverse_deviation = inverseSqrt(variance + EPSILON);
    let sequence = t / SEQ_ROWS % SEQS * (STRIDE / 4u);
    for (var c = lane; c < C / 4u; c += LANES) {
        let shift = modulation[sequence + SHIFT_AT / 4u + c];
        let scale = modulation[sequence + SCALE_AT / 4u + c];
        let normal = (x[row + c] - mean) * inverse_deviation;
        set_y4(row + c, normal * weight[c] * (1.0 + scale) + shift);
    }
}
