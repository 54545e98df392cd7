// Matrix product for software adapters: outer products of 16 rows and 32 columns.
//
// As matmul_outer8, with the accumulators written out: a private array of 16 would leave
// registers. Fewer loads per product, at 0.3 s to compile.

@compute @workgroup_size(8)
fn matmul_outer16(
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let m0 = tile.y * 16u;
    let n0 = tile.x * 32u + lane;
    var s0 = vec4(0.0);
    var s1 = vec4(0.0);
    var s2 = vec4(0.0);
    var s3 = vec4(0.0);
    var s4 = vec4(0.0);
    var s5 = vec4(0.0);
    var s6 = vec4(0.0);
    var s7 = vec4(0.0);
    var s8 = vec4(0.0);
    var s9 = vec4(0.0);
    var s10 = vec4(0.0);
    var s11 = vec4(0.0);
    var s12 = vec4(0.0);
    var s13 = vec4(0.0);
    var s14 = vec4(0.0);
    var s15 = vec4(0.0);
    for (var k8 = 0u; k8 < K / 8u; k8++) {
        let w0 = weights(n0, k8);
        let w1 = weights(n0 + 8u, k8);
        let w2 = weights(n0 + 16u, k8);
        let w3 = weights(n0 + 24u, k8);
        let lo = mat4x4(w0.lo, w1.lo, w2.lo, w3.lo);
        let hi = mat4x4(w0.hi, w1.hi, w2.hi, w3.hi);
        let i0 = (m0 + lane) * (K / 4u) + 2u * k8;
        let a0 = x[i0];
        let b0 = x[i0 + 1u];
        s0 += subgroupShuffle(a0, 0u) * lo + subgroupShuffle(b0, 0u) * hi;
        s1 += subgroupShuffle(a0, 1u) * lo + subgroupShuffle(b0, 1u) * hi;
        s2 += subgroupShuffle(a0, 2u) * lo + subgroupShuffle(b0, 2u) * hi;
        s3 += subgroupShuffle(a0, 3u) * lo + subgroupShuffle(b0, 3u) * hi;
        s4 += subgroupShuffle(a0, 4u) * lo + subgroupShuffle(b0, 4u) * hi;
        s5 += subgroupShuffle(a0, 5u) * lo + subgroupShuffle(b0, 5u) * hi;
        s6 += subgroupShuffle(a0, 6u) * lo + subgroupShuffle(b0, 6u) * hi;
        s7 += subgroupShuffle(a0, 7u) * lo + subgroupShuffle(b0, 7u) * hi;
        let i1 = (m0 + 8u + lane) * (K / 4u) + 2u * k8;
        let a1 = x[i1];
        let b1 = x[i1 + 1u];
        s8 += subgroupShuffle(a1, 0u) * lo + subgroupShuffle(b1, 0u) * hi;
        s9 += subgroupShuffle(a1, 1u) * lo + subgroupShuffle(b1, 1u) * hi;
        s10 += subgroupShuffle(a1, 2u) * lo + subgroupShuffle(b1, 2u) * hi;
        s11 += subgroupShuffle(a1, 3u) * lo + subgroupShuffle(b1, 3u) * hi;
        s12 += subgroupShuffle(a1, 4u) * lo + subgroupShuffle(b1, 4u) * hi;
        s13 += subgroupShuffle(a1, 5u) * lo + subgroupShuffle(b1, 5u) * hi;
        s14 += subgroupShuffle(a1, 6u) * lo + subgroupShuffle(b1, 6u) * hi;
        s15 += subgroupShuffle(a1, 7u) * lo + subgroupShuffle(b1, 7u) * hi;
    }
    store4(m0, n0, s0);
    store4(m0 + 1u, n0, s1);
    store4(m0 + 2u, n0, s2);
    store4(m0 + 3u, n0, s3);
    store4(m0 + 4u, n0, s4);
    store4(m0 + 5u, n0, s5);
    store4(m0 + 6u, n0, s6);
    store4(m0 + 7u, n0, s7);
    store4(m0 + 8u, n0, s8);
    store4(m0 + 9u, n0, s9);
    store4(m0 + 10u, n0, s10);
    store4(m0 + 11u, n0, s11);
    store4(m0 + 12u, n0, s12);
    store4(m0 + 13u, n0, s13);
    store4(m0 + 14u, n0, s14);
    store4(m0 + 15u, n0, s15);
}
