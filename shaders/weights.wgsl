// Joined to kernels that read a table of weights: its formats and its order.
//
// Rows lie in panels: eight numbers of each row of a panel, then the next eight of each.

override K: u32;             // columns, a multiple of 8
override F16: bool;          // packed f16, else f32
override PANEL: u32;         // rows of a panel
override SKIPPED: u32;       // texels before the first row

// Numbers 8 * k8 .. 8 * k8 + 8 of row n.
fn weights(n: u32, k8: u32) -> Eight {
    let i = (n / PANEL * (K / 8u) + k8) * PANEL + n % PANEL;
    if (F16) {
        return unpack_f16(words(i));
    }
    return unpack_f32(words(2u * i), words(2u * i + 1u));
}
