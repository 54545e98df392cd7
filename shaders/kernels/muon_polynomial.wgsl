// B = a I + b A + c A A of a symmetric matrix: B X is a step of the iteration that brings all singular
// values of X near 1. Coefficients of Jordan et al., Muon, 2024. An invocation does four numbers of a
// row.

override SIDE: u32;          // rows and columns, a multiple of 4
override LANES: u32;

const INPUT = 0u;            // A [M, M]
@group(0) @binding(1) var<storage, read> squared: array<vec4<f32>>;          // [M, M]
const OUTPUT = 2u;           // B [M, M]

const COEFFICIENTS = vec3(3.4445, -4.7750, 2.0315);

@compute @workgroup_size(LANES)
fn muon_polynomial(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * LANES + lane;
    if (i >= SIDE * SIDE / 4u) {
        return;
    }
    let columns = 4u * i % SIDE + vec4(0u, 1u, 2u, 3u);
    let diagonal = select(vec4(0.0), vec4(COEFFICIENTS.x), columns == vec4(4u * i / SIDE));
    set_y4(i, diagonal + COEFFICIENTS.y * x4(i) + COEFFICIENTS.z * squared[i]);
}
