// Joined to kernels that read a table of weights: its order, and the choice among its formats.
//
// Rows are stored in panels: eight numbers of each row of a panel, then the next eight of each.
// Formats with scales order their panels themselves.
//
// Provides: K, FORMAT, GROUP, PANEL, weights(n, k8), halves(n, k8), eight(i), groups(), Columns
// Provides: columns_of(w0, w1, w2, w3)
// Needs: F16, Q4, Q8, eight_f16, eight_f32, q4_weights, q8_weights, words

override K: u32;             // columns, a multiple of 8
override FORMAT: u32;        // the number that a format's part gives it
override GROUP: u32;         // columns that share a scale, a multiple of 8; K where there is none
override PANEL: u32;         // rows of a panel

// Numbers 8 * k8 .. 8 * k8 + 8 of row n.
fn weights(n: u32, k8: u32) -> Eight {
    if (FORMAT == Q8) {
        return q8_weights(n, k8);
    }
    if (FORMAT == Q4) {
        return q4_weights(n, k8);
    }
    return eight((n / PANEL * (K / 8u) + k8) * PANEL + n % PANEL);
}

// The same as packed f16: as they are stored, or rounded.
fn halves(n: u32, k8: u32) -> vec4<u32> {
    if (FORMAT == F16) {
        return words((n / PANEL * (K / 8u) + k8) * PANEL + n % PANEL);
    }
    return pack_f16(weights(n, k8));
}

// Group i of eight numbers, where they have no scale.
fn eight(i: u32) -> Eight {
    if (FORMAT == F16) {
        return eight_f16(i);
    }
    return eight_f32(i);
}

// Groups of columns that share a scale.
fn groups() -> u32 {
    return (K + GROUP - 1u) / GROUP;
}

// Eight inputs of four columns.
struct Columns {
    lo: mat4x4<f32>,
    hi: mat4x4<f32>,
}

fn columns_of(w0: Eight, w1: Eight, w2: Eight, w3: Eight) -> Columns {
    return Columns(mat4x4(w0.lo, w1.lo, w2.lo, w3.lo), mat4x4(w0.hi, w1.hi, w2.hi, w3.hi));
}
