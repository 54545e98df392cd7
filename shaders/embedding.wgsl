// x[t] = table[ids[t]], or x[t] += it, for the ids in this part of the table. One workgroup per
// row.

override C: u32;             // channels, a multiple of 8
override FIRST: u32;         // first id of this part
override COUNT: u32;         // ids in this part
override F16: bool;          // table is packed f16, else f32
override PANEL: u32;         // rows of the table that lie together, see matmul
override ADD: bool;          // add to x instead of overwriting it
override LANES: u32;

@group(0) @binding(0) var<storage, read> ids: array<u32>;              // [T]
@group(0) @binding(1) var<storage, read> table: array<vec4<u32>>;      // [COUNT, C]
@group(0) @binding(2) var<storage, read_write> x: array<vec4<f32>>;    // [T, C]

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
    let row = id - FIRST;
    for (var c8 = lane; c8 < C / 8u; c8 += LANES) {
        let i = (row / PANEL * (C / 8u) + c8) * PANEL + row % PANEL;
        var numbers: Eight;
        if (F16) {
            numbers = unpack_f16(table[i]);
        } else {
            numbers.lo = bitcast<vec4<f32>>(table[2u * i]);
            numbers.hi = bitcast<vec4<f32>>(table[2u * i + 1u]);
        }
        let j = t * (C / 4u) + 2u * c8;
        if (ADD) {
            numbers.lo += x[j];
            numbers.hi += x[j + 1u];
        }
        x[j] = numbers.lo;
        x[j + 1u] = numbers.hi;
    }
}
