// y = softmax(x) of each row: the distribution over the vocabulary that a cell's state stands for.
// Columns behind the vocabulary are zeros. One workgroup per row. Source: Han et al., SSD-LM, 2023.

override V: u32;             // tokens of the vocabulary
override STRIDE: u32;        // columns of x, a multiple of 4
override COLUMNS: u32;       // columns of y, a multiple of 4

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;    // [T, STRIDE]
const OUTPUT = 1u;           // y [T, COLUMNS]

@compute @workgroup_size(LANES)
fn simplex(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = group.x;
    var highest = vec4(NEVER);
    for (var v4 = lane; v4 < STRIDE / 4u; v4 += LANES) {
        highest = max(highest, state(t, v4));
    }
    let top = maximum(max(max(highest.x, highest.y), max(highest.z, highest.w)), lane);
    var sum = vec4(0.0);
    for (var v4 = lane; v4 < STRIDE / 4u; v4 += LANES) {
        sum += exp(state(t, v4) - top);
    }
    let scale = 1.0 / total(dot(sum, vec4(1.0)), lane);
    for (var v4 = lane; v4 < COLUMNS / 4u; v4 += LANES) {
        var p = vec4(0.0);
        if (v4 < STRIDE / 4u) {
            p = exp(state(t, v4) - top) * scale;
        }
        set_y4(t * (COLUMNS / 4u) + v4, p);
    }
}

// Four numbers of a row, very small behind the vocabulary.
fn state(t: u32, v4: u32) -> vec4<f32> {
    return select(
        vec4(NEVER),
        x[t * (STRIDE / 4u) + v4],
        4u * v4 + vec4(0u, 1u, 2u, 3u) < vec4(V),
    );
}
