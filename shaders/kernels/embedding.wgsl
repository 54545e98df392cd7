// x[t] = table[ids[t]], or x[t] += it, for the ids in this part of the table. One workgroup per
// row.

override FIRST: u32;         // first id of this part
override COUNT: u32;         // ids in this part
override ADD: bool;          // add to x instead of overwriting it
override LANES: u32;

@group(0) @binding(1) var<storage, read> ids: array<u32>;              // [T]
@group(0) @binding(2) var<storage, read_write> x: array<vec4<f32>>;    // [T, K]

@compute @workgroup_size(LANES)
fn embedding(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = group.x;
    let id = ids[t];
    if (id < FIRST || id >= FIRST + COUNT) {
        return;
    }
    for (var k8 = lane; k8 < K / 8u; k8 += LANES) {
        var numbers = weights(id - FIRST, k8);
        let i = t * (K / 4u) + 2u * k8;
        if (ADD) {
            numbers.lo += x[i];
            numbers.hi += x[i + 1u];
        }
        x[i] = numbers.lo;
        x[i + 1u] = numbers.hi;
    }
}
