// Joined to matrix products whose sums are a matrix: gate and epilogue.
//
// y[m, n] = epilogue(sum_k x[m, k] * w[n, k]); rows of w are outputs, as in PyTorch's linear.
// A weight too large to bind is cut into parts by rows; a part writes columns Y_AT.. of y.
// Rows of x and w are padded to whole tiles, so only the columns of y need a check. Rows of y are
// whole vectors: numbers after the last column are not read.
//
// Provides: OUTPUT, NORM, MODULATION, store4(m, n, sum)
// Needs: N, add_y4, set_y4

override Y_STRIDE: u32;      // columns of y, a multiple of 4
override Y_AT: u32;          // first column of this part
override GELU: bool;         // tanh approximation
override GELU_ERF: bool;     // as it is
override RESIDUAL: bool;     // add to y instead of overwriting it
override GATED: bool;        // multiply by the gate of the row's sequence first
override SEQ_ROWS: u32;      // consecutive rows of one sequence
override SEQS: u32;          // sequences; their rows repeat in this order
override GATE_STRIDE: u32;   // columns of gate, a multiple of 4
override GATE_AT: u32;       // first column of the gate, a multiple of 4

const OUTPUT = 4u;           // y [M, Y_STRIDE]
const NORM = 5u;             // weight of a fused norm
const MODULATION = 6u;       // its shift and scale

@group(0) @binding(3) var<storage, read> gate: array<vec4<f32>>;    // [SEQS, GATE_STRIDE]

// Ends the sums of columns n .. n + 4 of row m.
fn store4(m: u32, n: u32, sum: vec4<f32>) {
    if (n >= N) {
        return;
    }
    var v = sum;
    if (GELU) {
        v = gelu_tanh(v);
    }
    if (GELU_ERF) {
        v = gelu_erf(v);
    }
    if (GATED) {
        v *= gate[(m / SEQ_ROWS % SEQS * GATE_STRIDE + GATE_AT + n) / 4u];
    }
    let i = (m * Y_STRIDE + Y_AT + n) / 4u;
    if (RESIDUAL) {
        add_y4(i, v);
    } else {
        set_y4(i, v);
    }
}
