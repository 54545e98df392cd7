// Ends a step: puts a row's partial draws together, chooses which masked cells open, opens them.
// One workgroup per sequence. An open cell is never touched again.
//
// Which cells open depends on random bits alone: the `open_count` masked cells of lowest bits
// (first-hitting: one, uniformly), and all masked cells with bits below `open_below` (ancestral).
// Source: Arriola et al., 2025, Algorithm 2; Zheng et al., 2024 (first-hitting).

override CELLS: u32;         // cells of a block
override CHUNKS: u32;        // partial draws per row
override MASK: u32;          // the mask token's id
override LANES: u32;

struct Cell {
    token: u32,              // the candidate while masked
    confidence: f32,         // the token's probability under the model
    entropy: f32,            // of the model's distribution, in nats
    state: u32,              // 0 masked, s + 1 opened at step s, else a mark of the host or:
}

const NOT_FINITE = 0xffffffffu;

@group(0) @binding(0) var<storage, read> partials: array<Partial>;      // [T, CHUNKS]
@group(0) @binding(1) var<storage, read> keys: array<vec4<u32>>;        // [T]
@group(0) @binding(2) var<uniform> step: Step;
@group(0) @binding(3) var<storage, read_write> ids: array<u32>;         // [T]
@group(0) @binding(4) var<storage, read_write> cells: array<Cell>;      // [T]

var<workgroup> priority: array<u32, CELLS>;  // random bits of the cells; open ones have none
var<workgroup> masked: array<u32, CELLS>;

@compute @workgroup_size(LANES)
fn reveal(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t0 = group.x * CELLS;
    for (var i = lane; i < CELLS; i += LANES) {
        masked[i] = select(0u, 1u, ids[t0 + i] == MASK);
        priority[i] = row_bits(keys[t0 + i], step.step, FOR_ORDER).x;
    }
    workgroupBarrier();
    for (var i = lane; i < CELLS; i += LANES) {
        if (masked[i] == 0u) {
            continue;
        }
        var cell = measure((t0 + i) * CHUNKS);
        let opens = priority[i] < step.open_below || rank(i) < step.open_count;
        if (opens && cell.state == 0u) {
            cell.state = step.step + 1u;
            ids[t0 + i] = cell.token;
        }
        cells[t0 + i] = cell;
    }
}

// Masked cells that come before cell i.
fn rank(i: u32) -> u32 {
    if (step.open_count == 0u) {
        return CELLS;
    }
    var before = 0u;
    for (var j = 0u; j < CELLS; j++) {
        let earlier = priority[j] < priority[i] || (priority[j] == priority[i] && j < i);
        before += select(0u, masked[j], earlier);
    }
    return before;
}

fn measure(at: u32) -> Cell {
    var best = partials[at];
    var highest = best.highest;
    for (var i = 1u; i < CHUNKS; i++) {
        let other = partials[at + i];
        highest = max(highest, other.highest);
        if (other.score > best.score) {
            best = other;
        }
    }
    var sum = 0.0;
    var moment = 0.0;
    for (var i = 0u; i < CHUNKS; i++) {
        let other = partials[at + i];
        let drop = max(other.highest - highest, -1e4);
        sum += other.sum * exp(drop);
        moment += (other.moment + other.sum * drop) * exp(drop);
    }
    let confidence = exp(best.logit - highest) / sum;
    let entropy = log(sum) - moment / sum;
    // An exponent of ones is an infinity or no number; comparisons could be optimised away.
    let bad = (bitcast<u32>(sum) & 0x7f800000u) == 0x7f800000u || best.token == 0xffffffffu;
    return Cell(best.token, confidence, entropy, select(0u, NOT_FINITE, bad));
}
