// y = silu(gate) * up, where a row of x is its gates, then what they let through. One workgroup per
// row. Source: Shazeer, GLU Variants Improve Transformer, 2020.

override F: u32;             // columns of y, a multiple of 4
override LANES: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;    // [T, 2F]
const OUTPUT = 1u;           // y [T, F]

@compute @workgroup_size(LANES)
fn swiglu(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = group.x;
    for (var c = lane; c < F / 4u; c += LANES) {
        let i = 2u * t * (F / 4u) + c;
        set_y4(t * (F / 4u) + c, let_through(x[i], x[i + F / 4u]));
    }
}
