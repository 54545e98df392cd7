// y[target] = sum of the rows of x that `order` lists for it, or y[target] += it: the gradient of an
// embedding, through an inverted index, without atomics. One workgroup per target.

override C: u32;             // columns, a multiple of 4
override ADD: bool;          // add to y instead of overwriting it
override LANES: u32;

struct Target {
    begin: u32,              // its rows: order[begin] .. order[end]
    end: u32,
    row: u32,                // of y
    unused: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;          // [T, C]
@group(0) @binding(1) var<storage, read> order: array<u32>;            // [T]
@group(0) @binding(2) var<storage, read> targets: array<Target>;       // [targets, 4]
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;    // [rows, C]

@compute @workgroup_size(LANES)
fn sum_rows(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let target_at = targets[group.x];
    if (target_at.begin >= target_at.end) {
        return;
    }
    for (var c = lane; c < C / 4u; c += LANES) {
        let i = target_at.row * (C / 4u) + c;
        var sum = vec4(0.0);
        for (var row = target_at.begin; row < target_at.end; row++) {
            sum += x[order[row] * (C / 4u) + c];
        }
        if (ADD) {
            y[i] += sum;
        } else {
            y[i] = sum;
        }
    }
}
