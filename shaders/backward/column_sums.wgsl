// Sums of the columns of x, over a share of the rows each: column_sums_merge adds the shares. An
// invocation owns four columns.

override T: u32;             // rows
override C: u32;             // columns, a multiple of 4
override SHARE: u32;         // rows of a share
override LANES: u32;

const INPUT = 0u;            // x [T, C]

@group(0) @binding(1) var<storage, read_write> partials: array<vec4<f32>>;    // [shares, C]

@compute @workgroup_size(LANES)
fn column_sums(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let c = group.x * LANES + lane;
    if (c >= C / 4u) {
        return;
    }
    var sum = vec4(0.0);
    for (var t = group.y * SHARE; t < min(T, (group.y + 1u) * SHARE); t++) {
        sum += x4(t * (C / 4u) + c);
    }
    partials[group.y * (C / 4u) + c] = sum;
}
