//! Generated weights, for measuring: time does not depend on them.

use std::ops::Range;

/// Numbers of a tensor, of the size that training starts from: norms 1, biases 0, matrices uniform
/// with standard deviation 0.02.
pub fn numbers(
    name: &str,
    shape: &[usize],
    seed: u64,
    range: Range<usize>,
) -> impl Iterator<Item = f32> + use<> {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let norms = ["norm", "Norm", "ln_"];
    let constant = match shape {
        [_] if name.ends_with("weight") && norms.iter().any(|norm| name.contains(norm)) => {
            Some(1.0)
        }
        [_] => Some(0.0),
        _ => None,
    };
    let state = name.bytes().fold(seed, |h, b| scrambled(h ^ u64::from(b)));
    range.map(move |i| {
        let state = state.wrapping_add(STEP.wrapping_mul(i as u64 + 1));
        let uniform = (scrambled(state) >> 40) as f32 / (1u64 << 24) as f32 - 0.5;
        constant.unwrap_or(uniform * 0.069_282)
    })
}

fn scrambled(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
