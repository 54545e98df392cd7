// y = x + gate * dropout(z): the end of a layer's half, where dropout can come between the product and
// the gate. One workgroup per row.

override C: u32;             // columns, a multiple of 4
override GATE_AT: u32;       // first column of the gate, a multiple of 4
override LANES: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;          // [T, C]
@group(0) @binding(1) var<storage, read> z: array<vec4<f32>>;          // [T, C]
@group(0) @binding(2) var<storage, read> gate: array<vec4<f32>>;       // [1, GATE_AT + C or more]
@group(0) @binding(3) var<storage, read> draw: Draw;                   // [4]
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;    // [T, C]

@compute @workgroup_size(LANES)
fn gated(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = group.x * (C / 4u);
    for (var c = lane; c < C / 4u; c += LANES) {
        let i = row + c;
        y[i] = x[i] + gate[GATE_AT / 4u + c] * kept(i) * z[i];
    }
}
