// Ends a step: puts a row's partial draws together, chooses which masked cells open, opens them.
// One workgroup per sequence. An open cell is never touched again.
//
// Masked cells of the first window that has any are ranked by the step's order, ties by index. The
// first `open_count` open, and all whose random bits are below `open_below` (ancestral), or that pass
// the step's test. Where the step is `leftmost`, those that pass the test open if they are as many as
// `open_count`, else the leftmost.
// Score entropy models say how fast a cell opens: with the log scores l - log(e^s - 1) - log(V - 1)
// it stays masked with probability 1 - (e^ds - 1) sum(scores), s the noise, ds its change.
// Source: Arriola et al., 2025, Algorithm 2; Zheng et al., 2024 (first-hitting); Ben-Hamu et al.,
// 2025 (entropy-bounded); Lou et al., 2024, Algorithm 2 (analytic); the samplers of SDAR, Fast-dLLM v2
// and dLLM as published.

override CELLS: u32;         // cells of a block
override FIRST: u32;         // cells of it before its first window
override WINDOW: u32;        // cells of a window, which open before those behind them
override CHUNKS: u32;        // partial draws per row
override MASK: u32;          // the mask token's id
override DRAWABLE: f32;      // tokens of the vocabulary but for the mask token, V - 1
override LANES: u32;

@group(0) @binding(0) var<storage, read> partials: array<Partial>;      // [T, CHUNKS]
@group(0) @binding(1) var<storage, read> keys: array<vec4<u32>>;        // [T]
@group(0) @binding(2) var<uniform> step: Step;
@group(0) @binding(3) var<storage, read_write> ids: array<u32>;         // [T]
@group(0) @binding(4) var<storage, read_write> cells: array<Cell>;      // [T]

var<workgroup> masked: array<u32, CELLS>;    // of the window: cells that may open
var<workgroup> closed: array<u32, CELLS>;    // masked cells of the whole block
var<workgroup> priority: array<u32, CELLS>;  // of masked cells: the lowest open first
var<workgroup> weight: array<f32, CELLS>;    // their entropies; BY_SCORE: log of p(opens)

@compute @workgroup_size(LANES)
fn reveal(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t0 = group.x * CELLS;
    for (var i = lane; i < CELLS; i += LANES) {
        // A cell whose logits were no numbers stays so marked.
        closed[i] = select(0u, 1u, ids[t0 + i] == MASK && cells[t0 + i].state == 0u);
    }
    workgroupBarrier();
    for (var i = lane; i < CELLS; i += LANES) {
        masked[i] = closed[i];
        let before = (max(i, FIRST) - FIRST) / WINDOW * WINDOW;
        for (var j = 0u; j < select(0u, FIRST + before, before > 0u); j++) {
            masked[i] = select(masked[i], 0u, closed[j] == 1u);
        }
        if (masked[i] == 1u) {
            let measured = measure((t0 + i) * CHUNKS);
            cells[t0 + i] = measured.cell;
            masked[i] = select(0u, 1u, measured.cell.state == 0u);
            let log_opens = measured.log_sum + step.bound - log(DRAWABLE);
            weight[i] = select(measured.cell.entropy, log_opens, step.order == BY_SCORE);
            priority[i] = rank_by(measured, keys[t0 + i], i);
        }
    }
    workgroupBarrier();
    for (var i = lane; i < CELLS; i += LANES) {
        if (masked[i] == 1u && opens(i)) {
            cells[t0 + i].state = step.step + 1u;
            ids[t0 + i] = cells[t0 + i].token;
        }
    }
}

// What ranks a cell: lower numbers open first.
fn rank_by(measured: Measured, key: vec4<u32>, i: u32) -> u32 {
    switch step.order {
        case BY_POSITION: { return i; }
        case BY_CONFIDENCE: { return ~sort_key(measured.cell.confidence); }
        case BY_ENTROPY: { return sort_key(measured.cell.entropy); }
        case BY_MARGIN: { return ~sort_key(measured.margin); }
        default: { return row_bits(key, step.step, FOR_ORDER).x; }
    }
}

// True if cell i opens at this step.
fn opens(i: u32) -> bool {
    if (step.open_count == 0u && step.order == BY_BITS) {
        return priority[i] < step.open_below;
    }
    if (step.order == BY_SCORE) {
        return log((f32(priority[i]) + 0.5) * 0x1p-32) < weight[i];
    }
    var before = 0u;
    var left = 0u;           // cells before it in the block
    var passing = 0u;        // cells that pass a test of their confidence
    var sum = 0.0;           // of the weights before it
    for (var j = 0u; j < CELLS; j++) {
        if (masked[j] == 1u) {
            if (priority[j] < priority[i] || (priority[j] == priority[i] && j < i)) {
                before += 1u;
                sum += weight[j];
            }
            left += select(0u, 1u, j < i);
            passing += select(0u, 1u, is_likely(j));
        }
    }
    if (step.leftmost == 1u) {
        if (passing >= step.open_count) {
            return is_likely(i);
        }
        return left < step.open_count;
    }
    if (before < step.open_count) {
        return true;
    }
    switch step.test {
        case AT_LEAST, ABOVE: { return is_likely(i); }
        case SUM_BEFORE: { return sum <= step.bound; }
        case SUM_THROUGH: { return sum + weight[i] < step.bound; }
        default: { return false; }
    }
}

// True if a cell passes a test of its confidence, by which it is ranked.
fn is_likely(i: u32) -> bool {
    let bound = ~sort_key(step.bound);
    if (step.test == ABOVE) {
        return priority[i] < bound;
    }
    return step.test == AT_LEAST && priority[i] <= bound;
}
