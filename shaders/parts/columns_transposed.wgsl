// Joined to the outer products of a matrix that is stored the other way round, [K, N] in f32: weights
// of the four columns that a lane owns. The lanes of a subgroup read one stretch of a row.
//
// Provides: K, GROUP, place(n), columns(place, k8, offset), scales(n, group), offsets(n, group)
// Provides: group_end(group), groups(), Columns
// Needs: words

override K: u32;             // rows of the table, a multiple of 8
override TABLE_STRIDE: u32;  // columns of the table, a multiple of 4
const GROUP = 8u;            // there is one group of all rows, without scales

// Eight inputs of four columns.
struct Columns {
    lo: mat4x4<f32>,
    hi: mat4x4<f32>,
}

// Where the columns n .. n + 4 begin, n a multiple of 4; the last ones beyond the table.
fn place(n: u32) -> u32 {
    return min(n, TABLE_STRIDE - 4u) / 4u;
}

// Inputs 8 * k8 .. 8 * k8 + 8 of four columns; f32 has no offsets.
fn columns(place: u32, k8: u32, offset: vec4<f32>) -> Columns {
    return Columns(four_rows(place, 8u * k8), four_rows(place, 8u * k8 + 4u));
}

fn four_rows(place: u32, k: u32) -> mat4x4<f32> {
    let i = place + k * (TABLE_STRIDE / 4u);
    let row = TABLE_STRIDE / 4u;
    return transpose(mat4x4(
        bitcast<vec4<f32>>(words(i)),
        bitcast<vec4<f32>>(words(i + row)),
        bitcast<vec4<f32>>(words(i + 2u * row)),
        bitcast<vec4<f32>>(words(i + 3u * row)),
    ));
}

fn scales(n: u32, group: u32) -> vec4<f32> {
    return vec4(1.0);
}

fn offsets(n: u32, group: u32) -> vec4<f32> {
    return vec4(0.0);
}

fn group_end(group: u32) -> u32 {
    return K / 8u;
}

fn groups() -> u32 {
    return 1u;
}
