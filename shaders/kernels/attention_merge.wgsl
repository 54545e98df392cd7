// Joins the shares of attention_split: of each row and head as many sums of values, each with its
// highest score and its weight.

override H: u32;             // query heads
override D: u32;             // head width
override SHARES: u32;

const OUTPUT = 1u;           // y [T, H * D]

@group(0) @binding(0) var<storage, read> partials: array<vec4<f32>>;  // [T, SHARES, H, D + 4]

@compute @workgroup_size(64)
fn attention_merge(@builtin(global_invocation_id) at: vec3<u32>) {
    let four = at.x;         // of the row's numbers
    let row = at.y;
    if (four >= H * D / 4u) {
        return;
    }
    let stride = H * (D / 4u + 1u);
    let head = row * SHARES * stride + four / (D / 4u) * (D / 4u + 1u);
    var highest = NEVER;
    for (var i = 0u; i < SHARES; i++) {
        highest = max(highest, partials[head + i * stride + D / 4u].x);
    }
    var weight = 0.0;
    var value = vec4(0.0);
    for (var i = 0u; i < SHARES; i++) {
        let found = partials[head + i * stride + D / 4u];
        let fade = exp(found.x - highest);
        weight += fade * found.y;
        value += fade * partials[head + i * stride + four % (D / 4u)];
    }
    set_y4(row * (H * D / 4u) + four, value / weight);
}
