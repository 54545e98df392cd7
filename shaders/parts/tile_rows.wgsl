// Joined to matmul_tiled: stages weights whose rows are the outputs, [N, K].
//
// Provides: stage_weights(n0, k0, lane)
// Needs: K, STRIDE, w_tile, weights

// Lanes 0..128 fetch eight weights each; zeros beyond K.
fn stage_weights(n0: u32, k0: u32, lane: u32) {
    if (lane >= 128u) {
        return;
    }
    let k8 = lane % 2u;
    var w8 = Eight(vec4(0.0), vec4(0.0));
    if (k0 + 8u * k8 < K) {
        w8 = weights(n0 + lane / 2u, k0 / 8u + k8);
    }
    for (var i = 0u; i < 4u; i++) {
        w_tile[(8u * k8 + i) * STRIDE + lane / 2u] = w8.lo[i];
        w_tile[(8u * k8 + 4u + i) * STRIDE + lane / 2u] = w8.hi[i];
    }
}
