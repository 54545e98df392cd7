// Joined to weights: the format q8, integers of eight bits with a scale for each group of a row.
//
// Four words hold eight numbers of two rows, and behind a panel's numbers come its scales, four rows
// to a vector, group by group.
//
// Provides: Q8, q8_weights(n, k8), q8_place(n), q8_columns(place, k8), q8_scales(n, group)
// Needs: Columns, GROUP, K, PANEL, columns_of, groups, words

const Q8 = 2u;               // its number

// Numbers 8 * k8 .. 8 * k8 + 8 of row n.
fn q8_weights(n: u32, k8: u32) -> Eight {
    let pair = words(q8_panel(n) + k8 * (PANEL / 2u) + n % PANEL / 2u);
    let scale = q8_scales(n, 8u * k8 / GROUP)[n % 4u];
    let eight = unpack_q8(select(pair.xy, pair.zw, n % 2u == 1u));
    return Eight(scale * eight.lo, scale * eight.hi);
}

// Where the rows n .. n + 4 begin, n a multiple of 4.
fn q8_place(n: u32) -> u32 {
    return q8_panel(n) + n % PANEL / 2u;
}

// Inputs 8 * k8 .. 8 * k8 + 8 of those four rows, without their scales.
fn q8_columns(place: u32, k8: u32) -> Columns {
    let first = words(place + k8 * (PANEL / 2u));
    let second = words(place + k8 * (PANEL / 2u) + 1u);
    return columns_of(
        unpack_q8(first.xy),
        unpack_q8(first.zw),
        unpack_q8(second.xy),
        unpack_q8(second.zw),
    );
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

// Eight integers as numbers, without their scale.
fn unpack_q8(p: vec2<u32>) -> Eight {
    return Eight(vec4<f32>(unpack4xI8(p.x)), vec4<f32>(unpack4xI8(p.y)));
}
