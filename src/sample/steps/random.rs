//! Counter-based random bits, the same on the CPU and in the shaders: keyed by seed, sample,
//! position and step, so that a text does not depend on the batch or on who watches.

/// Key of one attempt at one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleKey {
    low: u32,
    high: u32,
}

/// What random bits are for, as in `sampling.wgsl`.
const FOR_ORDER: u32 = 1;

impl SampleKey {
    /// The key of a sample under a seed; redraws have keys of their own.
    pub fn new(seed: u64, sample: usize, attempt: usize) -> SampleKey {
        let mixed = splitmix(splitmix(splitmix(seed) ^ sample as u64) ^ attempt as u64);
        SampleKey { low: mixed as u32, high: (mixed >> 32) as u32 }
    }

    /// The words that a shader needs to make a row's bits.
    pub fn row(self, position: usize) -> [u32; 4] {
        [self.low, self.high, position as u32, 0]
    }

    /// The bits that rank a masked cell at a step: the lowest open first.
    pub fn order_bits(self, position: usize, step: usize) -> u32 {
        let [low, high, position, _] = self.row(position);
        pcg4d([low, high, position, (2 * step) as u32 + FOR_ORDER])[0]
    }
}

/// Source: Jarzynski and Olano, Hash Functions for GPU Rendering, 2020.
fn pcg4d(counter: [u32; 4]) -> [u32; 4] {
    let mut v = counter.map(|x| x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let mix = |v: &mut [u32; 4]| {
        v[0] = v[0].wrapping_add(v[1].wrapping_mul(v[3]));
        v[1] = v[1].wrapping_add(v[2].wrapping_mul(v[0]));
        v[2] = v[2].wrapping_add(v[0].wrapping_mul(v[1]));
        v[3] = v[3].wrapping_add(v[1].wrapping_mul(v[2]));
    };
    mix(&mut v);
    v = v.map(|x| x ^ (x >> 16));
    mix(&mut v);
    v
}

/// Source: Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, 2014.
fn splitmix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
