// Gradient of queries, keys and values side by side, from those of rotated queries and keys: they turn
// back by the angle of their row, see rotary. One workgroup per row.

override H: u32;             // query heads
override G: u32;             // key heads
override D: u32;             // head width, a multiple of 8
override LANES: u32;

const OUTPUT = 4u;           // gradient of queries, keys and values, [T, (H + 2G) * D]

@group(0) @binding(0) var<storage, read> dq: array<vec4<f32>>;        // [T, H * D]
@group(0) @binding(1) var<storage, read> dk: array<vec4<f32>>;        // [T, G * D]
@group(0) @binding(2) var<storage, read> dv: array<vec4<f32>>;        // [T, G * D]
@group(0) @binding(3) var<storage, read> angles: array<vec4<f32>>;    // [T, D]

@compute @workgroup_size(LANES)
fn backward_rotary(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = group.x;
    let queries = H * D / 4u;
    let keys = G * D / 4u;
    let row = t * (queries + 2u * keys);
    for (var i = lane; i < queries; i += LANES) {
        let at = t * queries + i;
        let turn = turn_of(i, t);
        set_y4(row + i, dq[at] * turn.cosine + dq[u32(i32(at) + turn.other)] * turn.sine);
    }
    for (var i = lane; i < keys; i += LANES) {
        let at = t * keys + i;
        let turn = turn_of(i, t);
        set_y4(row + queries + i, dk[at] * turn.cosine + dk[u32(i32(at) + turn.other)] * turn.sine);
        set_y4(row + queries + keys + i, dv[at]);
    }
}

struct Turn {
    cosine: vec4<f32>,
    sine: vec4<f32>,
    other: i32,              // from the four channels to those that turn with them
}

// Of channels 4 * c4 .. of a row's heads.
fn turn_of(c4: u32, t: u32) -> Turn {
    let half = D / 8u;       // of a head, in vec4
    let in_head = c4 % (2u * half);
    let angle = 2u * half * t + in_head % half;
    let is_low = in_head < half;
    let sine = angles[angle + half];
    return Turn(
        angles[angle],
        select(-sine, sine, is_low),
        select(-i32(half), i32(half), is_low),
    );
}
