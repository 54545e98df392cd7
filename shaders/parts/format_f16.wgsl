// Joined to weights: the format f16, two numbers to a word.
//
// Provides: F16, eight_f16(i)
// Needs: words

const F16 = 1u;              // its number

// Group i of eight numbers.
fn eight_f16(i: u32) -> Eight {
    return unpack_f16(words(i));
}
