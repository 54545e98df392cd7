// y[t] = x[places[t]], or 0 where a row has no place: gradients of picked rows go back to all rows. One
// workgroup per row.

override C: u32;             // columns, a multiple of 4
override ROWS: u32;          // rows of x; places from it on are none
override LANES: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;          // [ROWS, C]
@group(0) @binding(1) var<storage, read> places: array<u32>;           // [T]
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;    // [T, C]

@compute @workgroup_size(LANES)
fn scatter(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = places[group.x];
    for (var c = lane; c < C / 4u; c += LANES) {
        var four = vec4(0.0);
        if (place < ROWS) {
            four = x[place * (C / 4u) + c];
        }
        y[group.x * (C / 4u) + c] = four;
    }
}
