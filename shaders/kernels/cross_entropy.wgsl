// Log-sum-exp of each row's logits and its target's logit, over one chunk of the vocabulary after
// the other: logits of the whole vocabulary are never in memory. One workgroup a row.
//
// A row's sums say where the next chunk begins, so that one pipeline serves them all. The host starts
// them at (NEVER, 0, NEVER, 0) and finishes with -log p = highest + log(sum) - target.

override V: u32;             // vocabulary
override COLUMNS: u32;       // tokens of this chunk
override STRIDE: u32;        // columns of logits, a multiple of 4
override MASK: u32;          // the mask token's id, V if there is none; it has probability 0

struct Sums {
    highest: f32,            // logit so far
    sum: f32,                // of exp(l - highest)
    target_logit: f32,
    next: u32,               // first token of the next chunk
}

@group(0) @binding(0) var<storage, read> logits: array<vec4<f32>>;      // [T, STRIDE]
@group(0) @binding(1) var<storage, read> targets: array<u32>;           // [T]
@group(0) @binding(2) var<storage, read_write> sums: array<Sums>;       // [T]

@compute @workgroup_size(LANES)
fn cross_entropy(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = group.x;
    let before = sums[t];
    let wanted = targets[t];
    let end = min(before.next + COLUMNS, V);
    var highest = NEVER;
    var sum = 0.0;
    var found = NEVER;
    for (var v = 4u * lane; v < COLUMNS; v += 4u * LANES) {
        let tokens = before.next + v + vec4(0u, 1u, 2u, 3u);
        let all = logits[(t * STRIDE + v) / 4u];
        let valid = (tokens < vec4(end)) & (tokens != vec4(MASK));
        let l = select(vec4(NEVER), all, valid);
        let top = max(highest, max(max(l.x, l.y), max(l.z, l.w)));
        sum = sum * exp(highest - top) + dot(exp(l - top), vec4(1.0));
        highest = top;
        let hit = select(vec4(NEVER), all, valid & (tokens == vec4(wanted)));
        found = max(found, max(max(hit.x, hit.y), max(hit.z, hit.w)));
    }
    // Where a lane saw nothing its sum is of exp(NEVER - NEVER): it fades to 0 here.
    let top = max(maximum(highest, lane), before.highest);
    let whole = total(sum * exp(highest - top), lane) + before.sum * exp(before.highest - top);
    found = max(maximum(found, lane), before.target_logit);
    if (lane == 0u) {
        sums[t] = Sums(top, whole, found, before.next + COLUMNS);
    }
}
