// Of y = x + gate * dropout(z): dz = gate * dropout(dy), and of the gate the sums of
// dropout(dy) * z over a share of the rows, which column_sums_merge adds. An invocation owns four
// columns. (dx is dy.)

override T: u32;             // rows
override C: u32;             // columns, a multiple of 4
override GATE_AT: u32;       // first column of the gate, a multiple of 4
override SHARE: u32;         // rows of a share
override LANES: u32;

const OUTPUT = 5u;           // dz [T, C]

@group(0) @binding(0) var<storage, read> dy: array<vec4<f32>>;                // [T, C]
@group(0) @binding(1) var<storage, read> z: array<vec4<f32>>;                 // [T, C]
@group(0) @binding(2) var<storage, read> gate: array<vec4<f32>>;              // [1, GATE_AT + C or more]
@group(0) @binding(3) var<storage, read> draw: Draw;                          // [4]
@group(0) @binding(4) var<storage, read_write> partials: array<vec4<f32>>;    // [shares, C]

@compute @workgroup_size(LANES)
fn backward_gated(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let c = group.x * LANES + lane;
    if (c >= C / 4u) {
        return;
    }
    let open = gate[GATE_AT / 4u + c];
    var sum = vec4(0.0);
    for (var t = group.y * SHARE; t < min(T, (group.y + 1u) * SHARE); t++) {
        let i = t * (C / 4u) + c;
        let there = kept(i) * dy[i];
        sum += there * z[i];
        set_y4(i, open * there);
    }
    partials[group.y * (C / 4u) + c] = sum;
}
