// Joined to weights: the format f32, number 0.
//
// Provides: eight_f32(i)
// Needs: words

// Group i of eight numbers.
fn eight_f32(i: u32) -> Eight {
    return unpack_f32(words(2u * i), words(2u * i + 1u));
}
