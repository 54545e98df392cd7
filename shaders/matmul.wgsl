// Joined after every matmul_* kernel: their bindings, the weight formats and the epilogue.
//
// y[m, n] = epilogue(sum_k x[m, k] * w[n, k]); rows of w are outputs, as in PyTorch's linear.
// A weight too large to bind is cut into parts by rows; a part writes columns Y_AT.. of y.
// Rows of x and w are padded to whole tiles, so only the columns of y need a check.

override K: u32;             // inputs, a multiple of 8
override N: u32;             // outputs of this part
override Y_STRIDE: u32;      // columns of y
override Y_AT: u32;          // first column of this part
override F16: bool;          // w is packed f16, else f32
override PANEL: u32;         // rows of w that lie together, eight numbers of each at a time
override GELU: bool;
override RESIDUAL: bool;     // add to y instead of overwriting it
override GATED: bool;        // multiply by the gate of the row's sequence first
override SEQ_ROWS: u32;      // consecutive rows of one sequence
override SEQS: u32;          // sequences; their rows repeat in this order
override GATE_STRIDE: u32;   // columns of gate
override GATE_AT: u32;       // first column of the gate

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;      // [M, K]
@group(0) @binding(1) var<storage, read> w: array<vec4<u32>>;      // [N, K]
@group(0) @binding(2) var<storage, read> bias: array<f32>;         // [N]
@group(0) @binding(3) var<storage, read> gate: array<f32>;         // [SEQS, GATE_STRIDE]
@group(0) @binding(4) var<storage, read_write> y: array<f32>;      // [M, Y_STRIDE]

// Inputs 8 * k8 .. 8 * k8 + 8 of output n.
fn weights(n: u32, k8: u32) -> Eight {
    let i = (n / PANEL * (K / 8u) + k8) * PANEL + n % PANEL;
    if (F16) {
        return unpack_f16(w[i]);
    }
    return Eight(bitcast<vec4<f32>>(w[2u * i]), bitcast<vec4<f32>>(w[2u * i + 1u]));
}

fn store(m: u32, n: u32, sum: f32) {
    if (n >= N) {
        return;
    }
    var v = sum + bias[n];
    if (GELU) {
        v = gelu_tanh(v);
    }
    if (GATED) {
        v *= gate[m / SEQ_ROWS % SEQS * GATE_STRIDE + GATE_AT + n];
    }
    let i = m * Y_STRIDE + Y_AT + n;
    if (RESIDUAL) {
        v += y[i];
    }
    y[i] = v;
}

// Columns n, n + 8, n + 16, n + 24: what a lane of an outer-product kernel owns.
fn store4(m: u32, n: u32, sum: vec4<f32>) {
    store(m, n, sum.x);
    store(m, n + 8u, sum.y);
    store(m, n + 16u, sum.z);
    store(m, n + 24u, sum.w);
}
