//! Random numbers by counters: what is drawn depends on the seed and on what it is for, never on what
//! was drawn before, so that a run that was interrupted goes on with the same numbers.

use fastrand::Rng;

/// What random numbers are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The block size of a batch.
    BlockSize,
    /// The common start of the noise levels of a batch.
    Noise,
    /// Which cells of a sequence are masked.
    Cells,
    /// The order of the sequences of an epoch.
    Order,
    /// The seed of dropout in a pass.
    Dropout,
    /// What a network starts from.
    Weights,
}

/// A generator for one purpose, keyed by the seed and by counters such as the step and the sequence.
pub fn generator(seed: u64, purpose: Purpose, counters: &[u64]) -> Rng {
    let scrambled = |state: u64, word: u64| Rng::with_seed(state ^ word).u64(..);
    // Each word meets a state that was scrambled before: neither the seed and the purpose nor two
    // counters can be swapped, or make up for each other.
    let words = [purpose as u64].into_iter().chain(counters.iter().copied());
    Rng::with_seed(words.fold(scrambled(seed, 0), scrambled))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_key_has_numbers_of_its_own() {
        let first = |seed, purpose, counters: &[u64]| generator(seed, purpose, counters).u64(..);
        let mut seen = HashSet::new();
        for seed in 0..8 {
            for a in 0..16 {
                for b in 0..16 {
                    assert!(seen.insert(first(seed, Purpose::Cells, &[a, b])));
                    assert!(seen.insert(first(seed, Purpose::Noise, &[a, b])));
                }
            }
        }
        let again = || first(3, Purpose::Order, &[5]);
        assert_eq!(again(), again());
    }

    #[test]
    fn neighbouring_keys_give_uniform_numbers() {
        let mean = |purpose| {
            let numbers = (0..4096).map(|i| generator(1, purpose, &[i, 0]).f64());
            numbers.sum::<f64>() / 4096.0
        };
        for purpose in [Purpose::BlockSize, Purpose::Noise, Purpose::Cells] {
            assert!((mean(purpose) - 0.5).abs() < 0.02, "{purpose:?}");
        }
    }
}
