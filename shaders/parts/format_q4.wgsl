// Joined to weights: the format q4, integers of four bits with a scale for each group of a row.
//
// Four words hold eight numbers of four rows, and behind a panel's numbers come its scales in f16, those
// of four rows for two groups in four words.
//
// Provides: Q4, q4_weights(n, k8), q4_place(n), q4_columns(place, k8), q4_scales(n, group)
// Needs: Columns, GROUP, K, PANEL, columns_of, groups, words

const Q4 = 3u;               // its number

// Numbers 8 * k8 .. 8 * k8 + 8 of row n.
fn q4_weights(n: u32, k8: u32) -> Eight {
    let eight = unpack_q4(words(q4_place(n) + k8 * (PANEL / 4u))[n % 4u]);
    let scale = q4_scales(n, 8u * k8 / GROUP)[n % 4u];
    return Eight(scale * eight.lo, scale * eight.hi);
}

// Where the four rows around n begin.
fn q4_place(n: u32) -> u32 {
    return q4_panel(n) + n % PANEL / 4u;
}

// Inputs 8 * k8 .. 8 * k8 + 8 of those four rows, times sixteen, without their scales.
fn q4_columns(place: u32, k8: u32) -> Columns {
    let four = words(place + k8 * (PANEL / 4u));
    return columns_of(unpack_q4(four.x), unpack_q4(four.y), unpack_q4(four.z), unpack_q4(four.w));
}

// Scales of the four rows around n in one group, for integers times sixteen.
fn q4_scales(n: u32, group: u32) -> vec4<f32> {
    let first = q4_panel(n) + K / 8u * (PANEL / 4u);
    let both = words(first + group / 2u * (PANEL / 4u) + n % PANEL / 4u);
    let pair = select(both.xy, both.zw, group % 2u == 1u);
    return vec4(unpack2x16float(pair.x), unpack2x16float(pair.y)) / 16.0;
}

// Where the panel of row n begins.
fn q4_panel(n: u32) -> u32 {
    return n / PANEL * (PANEL / 4u) * (K / 8u + (groups() + 1u) / 2u);
}

// Eight integers, read in the upper halves of bytes, where they count for sixteen times as much.
fn unpack_q4(p: u32) -> Eight {
    let lo = unpack4xI8((p << 4u) & 0xf0f0f0f0u);
    return Eight(vec4<f32>(lo), vec4<f32>(unpack4xI8(p & 0xf0f0f0f0u)));
}
