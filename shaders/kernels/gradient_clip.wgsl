// The norm of all gradients, and what they are multiplied with: max_norm / norm where the norm is
// larger, else 1; 0 where it is not finite, for which the step is skipped. One workgroup.
// Source: Pascanu, Mikolov and Bengio, 2013; the added 1e-6 is PyTorch's.

override COUNT: u32;         // sums of squares

@group(0) @binding(0) var<storage, read> squares: array<f32>;                // [COUNT]
@group(0) @binding(1) var<storage, read> rates: array<f32>;                  // [8]
@group(0) @binding(2) var<storage, read_write> outcome: array<f32>;          // [2]

@compute @workgroup_size(LANES)
fn gradient_clip(@builtin(local_invocation_index) lane: u32) {
    var sum = 0.0;
    for (var i = lane; i < COUNT; i += LANES) {
        sum += squares[i];
    }
    let all = total(sum, lane);
    if (lane != 0u) {
        return;
    }
    let norm = sqrt(all);
    // By its bits: compilers may assume that no number is NaN.
    let is_finite = (bitcast<u32>(all) & 0x7f800000u) != 0x7f800000u;
    outcome[0] = select(all, norm, is_finite);
    outcome[1] = select(0.0, min(1.0, rates[MAX_NORM] / (norm + 1e-6)), is_finite);
}
