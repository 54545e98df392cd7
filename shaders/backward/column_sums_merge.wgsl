// Adds shares of column sums, in order, and stores the sums from column AT on, or adds them to what is
// there. An invocation owns four columns.

override C: u32;             // columns, a multiple of 4
override SHARES: u32;
override AT: u32;            // first column of y, a multiple of 4
override ADD: bool;          // add to y instead of overwriting it
override LANES: u32;

const OUTPUT = 1u;           // y [C or longer]

@group(0) @binding(0) var<storage, read> partials: array<vec4<f32>>;    // [SHARES, C]

@compute @workgroup_size(LANES)
fn column_sums_merge(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let c = group.x * LANES + lane;
    if (c >= C / 4u) {
        return;
    }
    var sum = vec4(0.0);
    for (var share = 0u; share < SHARES; share++) {
        sum += partials[share * (C / 4u) + c];
    }
    if (ADD) {
        add_y4(AT / 4u + c, sum);
    } else {
        set_y4(AT / 4u + c, sum);
    }
}
