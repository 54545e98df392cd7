//! The order of an epoch, without a list of it: a permutation that is computed number by number.

use crate::train::random::{Purpose, generator};

/// Rounds of the network: four make permutations that look random.
const ROUNDS: usize = 4;

/// A permutation of the numbers below a count: a Feistel network on the next larger even power of two,
/// walked until a number below the count comes. Source: Luby and Rackoff, 1988; Black and Rogaway,
/// 2002, for the walk.
#[derive(Clone, Debug)]
pub struct Permutation {
    count: u64,
    half_bits: u32,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// The order of an epoch.
    pub fn new(count: u64, seed: u64, epoch: u64) -> Permutation {
        let mut rng = generator(seed, Purpose::Order, &[epoch]);
        let bits = u64::BITS - count.saturating_sub(1).leading_zeros();
        Permutation {
            count,
            half_bits: bits.div_ceil(2).max(1),
            keys: std::array::from_fn(|_| rng.u64(..)),
        }
    }

    /// Where number `i` goes, which must be below the count.
    pub fn at(&self, i: u64) -> u64 {
        let mut at = self.shuffled(i);
        while at >= self.count {
            at = self.shuffled(at);
        }
        at
    }

    fn shuffled(&self, i: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (i >> self.half_bits, i & mask);
        for key in self.keys {
            let mixed = fastrand::Rng::with_seed(key ^ right).u64(..);
            (left, right) = (right, left ^ (mixed & mask));
        }
        left << self.half_bits | right
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Permutation;

    #[test]
    fn every_number_comes_once() {
        for count in [1, 2, 3, 7, 64, 65, 1000] {
            let order = Permutation::new(count, 5, 0);
            let seen: HashSet<u64> = (0..count).map(|i| order.at(i)).collect();
            assert!(seen.len() as u64 == count && seen.iter().all(|&i| i < count), "{count}");
        }
    }

    #[test]
    fn epochs_have_orders_of_their_own_that_look_random() {
        let order = |seed, epoch| -> Vec<u64> {
            let order = Permutation::new(1000, seed, epoch);
            (0..1000).map(|i| order.at(i)).collect()
        };
        assert_eq!(order(1, 0), order(1, 0));
        let same = |a: &[u64], b: &[u64]| a.iter().zip(b).filter(|(a, b)| a == b).count();
        let identity: Vec<u64> = (0..1000).collect();
        for other in [order(1, 1), order(2, 0), identity] {
            assert!(same(&order(1, 0), &other) < 10);
        }
        let neighbours = order(1, 0).windows(2).filter(|w| w[0].abs_diff(w[1]) == 1).count();
        assert!(neighbours < 12, "{neighbours}");
    }
}
