// Attention for GPUs, many rows: a tile of query rows of one head per workgroup, 32 keys at a time in
// workgroup memory, online softmax in f32. Source: Dao et al., FlashAttention, 2022.
//
// Spans as in attention_outer; a tile runs over the union of its rows' spans, so what none of its
// rows sees is never read, and what all see is not checked key by key. Eight lanes share four rows:
// each has every eighth key of their scores, then every eighth vector of their values.

override H: u32;             // query heads
override G: u32;             // key heads: each serves H / G neighbouring query heads
override D: u32;             // head width: 32, 64 or 128
override GROUP: u32;         // consecutive rows that share a cache region
override SCALE: f32;         // of scores: 1 / sqrt(the head width of the network)
override ROWS: u32;          // of a tile: 16, 32 or 64
override LANES: u32;         // 2 * ROWS
override QUERIES: u32;       // ROWS * (D / 4 + 1)
override STAGED: u32;        // KEYS * (D / 4 + 1)
override WEIGHTS: u32;       // KEYS * (ROWS / 4 + 1)

const KEYS = 32u;

var<workgroup> queries: array<vec4<f32>, QUERIES>;      // [ROWS, D / 4 + 1], padded
var<workgroup> keys: array<vec4<f32>, STAGED>;          // [KEYS, D / 4 + 1], then their values
var<workgroup> weights: array<vec4<f32>, WEIGHTS>;      // [KEYS, ROWS / 4 + 1], of four rows each
var<workgroup> met: array<vec4<f32>, LANES>;            // [8, ROWS / 4]
var<private> o: array<mat4x4<f32>, 4>;                  // of four rows: values lane, lane + 8 ..

@compute @workgroup_size(LANES)
fn attention_tiled(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tiles = (GROUP + ROWS - 1u) / ROWS;
    let in_group = group.x % tiles * ROWS;
    let t0 = group.x / tiles * GROUP + in_group;
    let rows = min(ROWS, GROUP - in_group);
    let key_head = group.y / (H / G);
    let places = begin_tile(ROWS, D / 4u + 1u, t0, rows, group.y, lane);
    let row = lane / 8u;     // and ROWS / 4 further down, and again
    let eighth = lane % 8u;
    var highest = vec4(NEVER);
    var weight = vec4(0.0);
    for (var at = 0u; at < places.w; at += KEYS) {
        stage(key_head, at, places, lane, true);
        workgroupBarrier();
        var score = scores(row, eighth);
        if (!all_see(at, KEYS, places)) {
            score = visible(score, row, at + eighth, places);
        }
        met[eighth * (ROWS / 4u) + row] = max(max(score[0], score[1]), max(score[2], score[3]));
        workgroupBarrier();
        stage(key_head, at, places, lane, false);
        let top = max(highest, highest_of(row));
        let fade = exp(highest - top);
        highest = top;
        weight *= fade;
        for (var j = 0u; j < 4u; j++) {
            // NaN stays NaN.
            let p = select(exp(score[j] - top), vec4(0.0), score[j] == vec4(NEVER));
            weight += p;
            weights[(eighth + 8u * j) * (ROWS / 4u + 1u) + row] = p;
        }
        workgroupBarrier();
        add_values(fade, row, eighth);
        workgroupBarrier();
    }
    met[eighth * (ROWS / 4u) + row] = weight;
    workgroupBarrier();
    var sum = vec4(0.0);
    for (var i = 0u; i < 8u; i++) {
        sum += met[i * (ROWS / 4u) + row];
    }
    for (var r = 0u; r < 4u; r++) {
        let t = row + r * (ROWS / 4u);
        if (t < rows) {
            store(((t0 + t) * H + group.y) * (D / 4u) + eighth, r, sum[r]);
        }
    }
}

// Of four rows with the keys eighth, eighth + 8 ..
fn scores(row: u32, eighth: u32) -> mat4x4<f32> {
    let stride = D / 4u + 1u;
    var sums: mat4x4<f32>;
    for (var i = 0u; i < D / 4u; i++) {
        let a = row * stride + i;
        let down = ROWS / 4u * stride;
        let rows = mat4x4(queries[a], queries[a + down], queries[a + 2u * down], queries[a + 3u * down]);
        let q = transpose(rows);
        let b = eighth * stride + i;
        sums[0] = multiplied(sums[0], keys[b], q);
        sums[1] = multiplied(sums[1], keys[b + 8u * stride], q);
        sums[2] = multiplied(sums[2], keys[b + 16u * stride], q);
        sums[3] = multiplied(sums[3], keys[b + 24u * stride], q);
    }
    return sums;
}

// Adds x's four numbers times the columns of m.
fn multiplied(sum: vec4<f32>, x: vec4<f32>, m: mat4x4<f32>) -> vec4<f32> {
    var s = sum;
    s = fma(vec4(x.x), m[0], s);
    s = fma(vec4(x.y), m[1], s);
    s = fma(vec4(x.z), m[2], s);
    s = fma(vec4(x.w), m[3], s);
    return s;
}

fn highest_of(row: u32) -> vec4<f32> {
    var top = met[row];
    for (var i = 1u; i < 8u; i++) {
        top = max(top, met[i * (ROWS / 4u) + row]);
    }
    return top;
}
