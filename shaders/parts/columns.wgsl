// Joined to the outer products: weights of the four columns that a lane owns.
//
// Sums are taken group by group, and multiplied with the group's scales at its end; without scales
// there is one group.
//
// Provides: place(n), columns(place, k8, offset), scales(n, group), offsets(n, group), group_end(group)
// Needs: Columns, FORMAT, GROUP, K, PANEL, Q4, Q8, columns_of, eight, q4_columns, q4_offsets, q4_place
// Needs: q4_scales, q8_columns, q8_place, q8_scales

// Where the columns n .. n + 4 begin, n a multiple of 4. Kernels ask once: lavapipe takes nothing out
// of a loop.
fn place(n: u32) -> u32 {
    if (FORMAT == Q8) {
        return q8_place(n);
    }
    if (FORMAT == Q4) {
        return q4_place(n);
    }
    return n / PANEL * (K / 8u) * PANEL + n % PANEL;
}

// Inputs 8 * k8 .. 8 * k8 + 8 of four columns, without their scales; with the offsets of their group.
fn columns(place: u32, k8: u32, offset: vec4<f32>) -> Columns {
    if (FORMAT == Q8) {
        return q8_columns(place, k8);
    }
    if (FORMAT == Q4) {
        return q4_columns(place, k8, offset);
    }
    let i = place + k8 * PANEL;
    let row = select(1u, K / 8u, PANEL == 1u);
    return columns_of(eight(i), eight(i + row), eight(i + 2u * row), eight(i + 3u * row));
}

// What the sums of a group are multiplied with.
fn scales(n: u32, group: u32) -> vec4<f32> {
    if (FORMAT == Q8) {
        return q8_scales(n, group);
    }
    if (FORMAT == Q4) {
        return q4_scales(n, group);
    }
    return vec4(1.0);
}

// What is added to the integers of a group.
fn offsets(n: u32, group: u32) -> vec4<f32> {
    if (FORMAT == Q4) {
        return q4_offsets(n, group);
    }
    return vec4(0.0);
}

// Where a group ends, in steps of eight inputs.
fn group_end(group: u32) -> u32 {
    return min((group + 1u) * GROUP, K) / 8u;
}
