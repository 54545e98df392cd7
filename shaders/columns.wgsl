// Joined to the outer products: weights of the four columns that a lane owns.
//
// Sums are taken group by group, and multiplied with the group's scales at its end; without scales
// there is one group.

// Where the columns n .. n + 4 begin, n a multiple of 4. Kernels ask once: lavapipe takes nothing out
// of a loop.
fn place(n: u32) -> u32 {
    if (FORMAT == Q8) {
        return q8_panel(n) + n % PANEL / 2u;
    }
    return n / PANEL * (K / 8u) * PANEL + n % PANEL;
}

// Inputs 8 * k8 .. 8 * k8 + 8 of four columns; of q8 without the scale.
struct Columns {
    lo: mat4x4<f32>,
    hi: mat4x4<f32>,
}

fn columns(place: u32, k8: u32) -> Columns {
    if (FORMAT == Q8) {
        let first = words(place + k8 * (PANEL / 2u));
        let second = words(place + k8 * (PANEL / 2u) + 1u);
        return joined(
            unpack_q8(first.xy),
            unpack_q8(first.zw),
            unpack_q8(second.xy),
            unpack_q8(second.zw),
        );
    }
    let i = place + k8 * PANEL;
    return joined(eight(i), eight(i + 1u), eight(i + 2u), eight(i + 3u));
}

fn joined(w0: Eight, w1: Eight, w2: Eight, w3: Eight) -> Columns {
    return Columns(mat4x4(w0.lo, w1.lo, w2.lo, w3.lo), mat4x4(w0.hi, w1.hi, w2.hi, w3.hi));
}

// What the sums of a group are multiplied with.
fn scales(n: u32, group: u32) -> vec4<f32> {
    if (FORMAT == Q8) {
        return q8_scales(n, group);
    }
    return vec4(1.0);
}

// Where a group ends, in steps of eight inputs.
fn group_end(group: u32) -> u32 {
    return min((group + 1u) * GROUP, K) / 8u;
}
