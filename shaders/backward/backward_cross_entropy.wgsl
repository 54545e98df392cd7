// -log p of each row's target, and the gradient of weight * -log p by the logits: weight * (p - 1 at the
// target). The mask token has probability 0. Columns behind the vocabulary get 0. One workgroup per row.

override V: u32;             // vocabulary
override STRIDE: u32;        // columns of logits, a multiple of 4
override MASK: u32;          // the mask token's id, V if there is none

const OUTPUT = 4u;           // gradient of the logits, [T, STRIDE]

@group(0) @binding(0) var<storage, read> logits: array<vec4<f32>>;     // [T, STRIDE]
@group(0) @binding(1) var<storage, read> targets: array<u32>;          // [T]
@group(0) @binding(2) var<storage, read> weights: array<f32>;          // [T]
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;     // [T]

@compute @workgroup_size(LANES)
fn backward_cross_entropy(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = group.x;
    let row = t * (STRIDE / 4u);
    let wanted = targets[t];
    var highest = NEVER;
    var sum = 0.0;
    var found = NEVER;
    for (var c = lane; c < STRIDE / 4u; c += LANES) {
        let tokens = 4u * c + vec4(0u, 1u, 2u, 3u);
        let all = logits[row + c];
        let l = select(vec4(NEVER), all, is_token(tokens));
        let top = max(highest, max(max(l.x, l.y), max(l.z, l.w)));
        sum = sum * exp(highest - top) + dot(exp(l - top), vec4(1.0));
        highest = top;
        let hit = select(vec4(NEVER), l, tokens == vec4(wanted));
        found = max(found, max(max(hit.x, hit.y), max(hit.z, hit.w)));
    }
    // Where a lane saw nothing its sum is of exp(NEVER - NEVER): it fades to 0 here.
    let top = maximum(highest, lane);
    let log_sum = top + log(total(sum * exp(highest - top), lane));
    found = maximum(found, lane);
    if (lane == 0u) {
        losses[t] = log_sum - found;
    }
    let weight = weights[t];
    for (var c = lane; c < STRIDE / 4u; c += LANES) {
        let tokens = 4u * c + vec4(0u, 1u, 2u, 3u);
        let p = exp(logits[row + c] - log_sum);
        let hit = select(vec4(0.0), vec4(1.0), tokens == vec4(wanted));
        set_y4(row + c, select(vec4(0.0), weight * (p - hit), is_token(tokens)));
    }
}

fn is_token(tokens: vec4<u32>) -> vec4<bool> {
    return (tokens < vec4(V)) & (tokens != vec4(MASK));
}
