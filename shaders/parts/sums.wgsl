// Joined to the outer products: sums of HEIGHT rows, at most eight, and four columns. Drivers unroll
// loops of 8, which more would forbid, and keep arrays of 8 in registers.
//
// Provides: Sums, begin(sums, n), add_products(sums, x, first, w), add_group(sums, added, scale)
// Needs: HEIGHT, bias4

alias Sums = array<vec4<f32>, 8>;

fn begin(sums: ptr<function, Sums>, n: u32) {
    for (var r = 0u; r < HEIGHT; r++) {
        (*sums)[r] = bias4(n);
    }
}

// Adds the products of the rows that lanes from `first` on have in x. A loop multiplies with 16
// numbers of each lane, as many as stay in registers beside the sums.
fn add_products(sums: ptr<function, Sums>, x: vec4<f32>, first: u32, w: mat4x4<f32>) {
    for (var r = 0u; r < HEIGHT; r++) {
        (*sums)[r] += subgroupShuffle(x, first + r) * w;
    }
}

fn add_group(sums: ptr<function, Sums>, added: ptr<function, Sums>, scale: vec4<f32>) {
    for (var r = 0u; r < HEIGHT; r++) {
        (*sums)[r] += (*added)[r] * scale;
    }
}
