// Joined to weights: the format q4, integers of four bits with a scale and an offset for each group of a
// row, scale * (integer + offset).
//
// Four words hold eight numbers of four rows, and behind a panel's numbers come scale and offset, two
// f16 to a word, those of four rows in four words, group by group.
//
// Provides: Q4, q4_weights(n, k8), q4_place(n), q4_columns(place, k8, offset), q4_scales(n, group)
// Provides: q4_offsets(n, group)
// Needs: Columns, GROUP, K, PANEL, columns_of, groups, words

const Q4 = 3u;               // its number

// Numbers 8 * k8 .. 8 * k8 + 8 of row n.
fn q4_weights(n: u32, k8: u32) -> Eight {
    let pair = unpack2x16float(q4_pairs(n, 8u * k8 / GROUP)[n % 4u]);
    let eight = unpack_q4(words(q4_place(n) + k8 * (PANEL / 4u))[n % 4u], pair.y);
    return Eight(pair.x * eight.lo, pair.x * eight.hi);
}

// Where the four rows around n begin.
fn q4_place(n: u32) -> u32 {
    return q4_panel(n) + n % PANEL / 4u;
}

// Inputs 8 * k8 .. 8 * k8 + 8 of those four rows, without their scales.
fn q4_columns(place: u32, k8: u32, offset: vec4<f32>) -> Columns {
    let four = words(place + k8 * (PANEL / 4u));
    return columns_of(
        unpack_q4(four.x, offset.x),
        unpack_q4(four.y, offset.y),
        unpack_q4(four.z, offset.z),
        unpack_q4(four.w, offset.w),
    );
}

// Scales of the four rows around n in one group.
fn q4_scales(n: u32, group: u32) -> vec4<f32> {
    let pairs = q4_pairs(n, group);
    return vec4(
        unpack2x16float(pairs.x).x,
        unpack2x16float(pairs.y).x,
        unpack2x16float(pairs.z).x,
        unpack2x16float(pairs.w).x,
    );
}

// And their offsets.
fn q4_offsets(n: u32, group: u32) -> vec4<f32> {
    let pairs = q4_pairs(n, group);
    return vec4(
        unpack2x16float(pairs.x).y,
        unpack2x16float(pairs.y).y,
        unpack2x16float(pairs.z).y,
        unpack2x16float(pairs.w).y,
    );
}

fn q4_pairs(n: u32, group: u32) -> vec4<u32> {
    let first = q4_panel(n) + K / 8u * (PANEL / 4u);
    return words(first + group * (PANEL / 4u) + n % PANEL / 4u);
}

// Where the panel of row n begins.
fn q4_panel(n: u32) -> u32 {
    return n / PANEL * (PANEL / 4u) * (K / 8u + groups());
}

fn unpack_q4(p: u32, offset: f32) -> Eight {
    let lo = unpack4xU8(p & 0x0f0f0f0fu);
    let hi = unpack4xU8((p >> 4u) & 0x0f0f0f0fu);
    return Eight(vec4<f32>(lo) + offset, vec4<f32>(hi) + offset);
}
