// The RMS norm of each query head and each key head of a row, in place; values stay as they are. One
// workgroup per head and row. Source: Henry et al., Query-Key Normalization, 2020, as Qwen3 has it.
//
// Heads may be padded with zeros: the mean is that of the channels.

override H: u32;             // query heads
override G: u32;             // key heads
override D: u32;             // head width, a multiple of 8
override CHANNELS: u32;      // channels of a head; the others are padding
override EPSILON: f32;       // added to the mean of the squares

// Weights of a query head, then of a key head.
@group(0) @binding(0) var<storage, read> weight: array<vec4<f32>>;       // [2, D]
@group(0) @binding(1) var<storage, read_write> qkv: array<vec4<f32>>;    // [T, (H + 2G) * D]

@compute @workgroup_size(LANES)
fn head_norm(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = (group.y * (H + 2u * G) + group.x) * (D / 4u);
    let gain = select(D / 4u, 0u, group.x < H);
    var squares = vec4(0.0);
    for (var c = lane; c < D / 4u; c += LANES) {
        squares += qkv[first + c] * qkv[first + c];
    }
    let mean = total(dot(squares, vec4(1.0)), lane) / f32(CHANNELS);
    let inverse_root = inverseSqrt(mean + EPSILON);
    for (var c = lane; c < D / 4u; c += LANES) {
        qkv[first + c] *= inverse_root * weight[gain + c];
    }
}
