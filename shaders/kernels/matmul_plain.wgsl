// Matrix product for software adapters without subgroups of 8: a 4 x 4 register tile per
// invocation, neither workgroup memory nor barriers.

@compute @workgroup_size(8)
fn matmul_plain(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let m0 = tile.y * 4u;
    let n0 = tile.x * 32u + lane * 4u;
    var s0 = bias4(n0);
    var s1 = s0;
    var s2 = s0;
    var s3 = s0;
    for (var k8 = 0u; k8 < K / 8u; k8++) {
        let w0 = weights(n0, k8);
        let w1 = weights(n0 + 1u, k8);
        let w2 = weights(n0 + 2u, k8);
        let w3 = weights(n0 + 3u, k8);
        let lo = mat4x4(w0.lo, w1.lo, w2.lo, w3.lo);
        let hi = mat4x4(w0.hi, w1.hi, w2.hi, w3.hi);
        let i = m0 * (K / 4u) + 2u * k8;
        s0 += x4(i) * lo + x4(i + 1u) * hi;
        s1 += x4(i + K / 4u) * lo + x4(i + K / 4u + 1u) * hi;
        s2 += x4(i + 2u * (K / 4u)) * lo + x4(i + 2u * (K / 4u) + 1u) * hi;
        s3 += x4(i + 3u * (K / 4u)) * lo + x4(i + 3u * (K / 4u) + 1u) * hi;
    }
    store4(m0, n0, s0);
    store4(m0 + 1u, n0, s1);
    store4(m0 + 2u, n0, s2);
    store4(m0 + 3u, n0, s3);
}
