// Joined to kernels that read a table of weights: its formats and its order.
//
// Rows lie in panels: eight numbers of each row of a panel, then the next eight of each. Of q8 four
// words hold eight numbers of two rows, and behind a panel's numbers come its scales, four rows to
// a vector, group by group.

override K: u32;             // columns, a multiple of 8
override FORMAT: u32;        // 0 is f32, 1 is packed f16, 2 is q8
override GROUP: u32;         // columns that share a scale, a multiple of 8; K where there is none
override PANEL: u32;         // rows of a panel

const F16 = 1u;
const Q8 = 2u;

// Numbers 8 * k8 .. 8 * k8 + 8 of row n.
fn weights(n: u32, k8: u32) -> Eight {
    if (FORMAT == Q8) {
        let pair = words(q8_panel(n) + k8 * (PANEL / 2u) + n % PANEL / 2u);
        let scale = q8_scales(n, 8u * k8 / GROUP)[n % 4u];
        let eight = unpack_q8(select(pair.xy, pair.zw, n % 2u == 1u));
        return Eight(scale * eight.lo, scale * eight.hi);
    }
    return eight((n / PANEL * (K / 8u) + k8) * PANEL + n % PANEL);
}

// Group i of eight numbers, f16 or f32.
fn eight(i: u32) -> Eight {
    if (FORMAT == F16) {
        return unpack_f16(words(i));
    }
    return unpack_f32(words(2u * i), words(2u * i + 1u));
}

// Scales of the four rows around n in one group.
fn q8_scales(n: u32, group: u32) -> vec4<f32> {
    let first = q8_panel(n) + K / 8u * (PANEL / 2u);
    return bitcast<vec4<f32>>(words(first + group * (PANEL / 4u) + n % PANEL / 4u));
}

// Where the panel of row n begins.
fn q8_panel(n: u32) -> u32 {
    return n / PANEL * (K / 8u * (PANEL / 2u) + groups() * (PANEL / 4u));
}

fn groups() -> u32 {
    return (K + GROUP - 1u) / GROUP;
}

// Eight integers as numbers, without their scale.
fn unpack_q8(p: vec2<u32>) -> Eight {
    return Eight(vec4<f32>(unpack4xI8(p.x)), vec4<f32>(unpack4xI8(p.y)));
}
