//! Estimators of the negative ELBO as lists of mask patterns: which tokens are masked in a pass,
//! and how much the loss of each counts. Runs no network.
//!
//! The NELBO of a block with k tokens to predict is
//! `∫ (1/t) Σ_{masked sets} t^m (1-t)^(k-m) Σ_{i masked} -log p(x_i | the others) dt`.
//! Source: Arriola et al., 2025, equation 8; for the weights, integrate over t.

use std::ops::Range;

use fastrand::Rng;

use crate::model::{Mask, Spec};
use crate::{Advice, Error, Fault, Result};

/// How the expectation over masks is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", tag = "estimator")]
pub enum Estimator {
    /// Noise levels drawn from U[1e-3, 1], evenly spread over the blocks: the paper's.
    #[serde(rename = "mc")]
    MonteCarlo {
        /// Draws per sequence.
        draws: usize,
    },
    /// Every mask pattern with its weight: no noise at all, `2^k - 1` passes.
    Exact,
    /// Uniformly random reveal orders; at each step all masked tokens count. Unbiased, of low
    /// variance, k passes per draw.
    Orders {
        /// Draws per sequence.
        draws: usize,
    },
}

/// What happens to the first token of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstToken {
    /// Never masked, not counted: the paper's evaluation.
    Given,
    /// Predicted as any other.
    Counted,
}

/// One noisy copy of a sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// Which draw it belongs to.
    pub draw: usize,
    /// How much a token's loss counts, 0 for tokens that are not masked.
    pub weights: Vec<f64>,
    /// Noise level, 1 = all masked, where it is one for the whole sequence.
    pub noise: f64,
}

impl Pattern {
    /// True if the token is masked.
    pub fn masks(&self, position: usize) -> bool {
        self.weights.get(position).is_some_and(|&weight| weight > 0.0)
    }

    /// Variance of a noise draw whose weighted losses these are, were each token's loss the same
    /// under every mask: `E[(1 - t) / t]` times the sum of all tokens' squared losses, of which the
    /// masked ones give an unbiased estimate.
    ///
    /// The spread of a few draws shows less than that, since nearly all of the variance is that of
    /// rare draws with little noise, whose weight is large.
    pub fn mask_variance(&self, losses: &[f64]) -> f64 {
        let masked = self.weights.iter().zip(losses).filter(|(weight, _)| **weight > 0.0);
        let squares: f64 = masked.map(|(weight, loss)| loss * loss / weight).sum();
        let span = 1.0 - MIN_NOISE;
        squares * (-MIN_NOISE.ln() - span) / span
    }
}

/// Smallest noise level that is drawn; below it nothing would be masked.
const MIN_NOISE: f64 = 1e-3;
/// Most tokens per block for which every pattern is tried.
const MAX_EXACT: usize = 8;

impl Estimator {
    /// Draws per sequence.
    pub fn draws(self) -> usize {
        match self {
            Estimator::MonteCarlo { draws } | Estimator::Orders { draws } => draws,
            Estimator::Exact => 1,
        }
    }

    /// Whether it is exact for a model in blocks of this size, by itself or since one token a block leaves
    /// nothing to chance.
    pub fn is_exact_for(self, spec: &Spec, block_size: Option<usize>) -> bool {
        let mask = spec.mask(block_size);
        let is_certain = matches!(mask, Mask::Before | Mask::Blocks { size: 1, .. });
        self == Estimator::Exact || is_certain
    }

    /// Fails where it cannot be carried out.
    ///
    /// # Errors
    /// [`Error::Request`] with the cost.
    pub fn check(self, block_size: usize) -> Result<()> {
        if self == Estimator::Exact && block_size > MAX_EXACT {
            let fault = Fault::from(format!(
                "the exact estimator needs 2^{block_size} - 1 passes per sequence at block size \
                 {block_size}, expected at most 2^{MAX_EXACT} - 1; reveal orders need \
                 {block_size} per draw"
            ));
            return Err(Error::Request(fault.advise(Advice::SmallerBlocksOrOrders)));
        }
        if self.draws() == 0 {
            return Err(Error::request("draws is 0, expected at least 1"));
        }
        Ok(())
    }

    /// Number of patterns of a sequence.
    pub fn n_patterns(self, blocks: &[Range<usize>]) -> usize {
        let longest = blocks.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        match self {
            _ if longest <= 1 => longest,
            Estimator::Exact => (1 << longest) - 1,
            Estimator::MonteCarlo { draws } => draws,
            Estimator::Orders { draws } => draws * longest,
        }
    }

    /// The patterns of a sequence whose tokens to predict are cut into `blocks`, ranges of
    /// positions. The same seed gives the same patterns.
    pub fn patterns(
        self,
        length: usize,
        blocks: Vec<Range<usize>>,
        seed: u64,
    ) -> Box<dyn Iterator<Item = Pattern>> {
        let longest = blocks.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        // One token per block leaves nothing to chance.
        if longest <= 1 || self == Estimator::Exact {
            let patterns = 1..1usize << longest;
            return Box::new(patterns.map(move |bits| exact(length, &blocks, bits)));
        }
        let mut rng = Rng::with_seed(seed);
        match self {
            Estimator::MonteCarlo { draws } => {
                Box::new((0..draws).map(move |draw| noisy(length, &blocks, draw, &mut rng)))
            }
            _ => Box::new((0..self.draws()).flat_map(move |draw| {
                let orders: Vec<Vec<usize>> = blocks.iter().map(|b| order(b, &mut rng)).collect();
                (0..longest).map(move |open| revealed(length, &orders, draw, open))
            })),
        }
    }
}

/// Tokens whose bits are set are masked, in every block. Their weight is
/// `∫ (1/t) t^m (1-t)^(k-m) dt = (m-1)! (k-m)! / k!`.
fn exact(length: usize, blocks: &[Range<usize>], bits: usize) -> Pattern {
    let mut weights = vec![0.0; length];
    for block in blocks {
        let (k, m) = (block.len(), bits.count_ones() as usize);
        // Blocks that are shorter have fewer patterns.
        if bits >> k > 0 {
            continue;
        }
        let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
        let weight = factorial(m - 1) * factorial(k - m) / factorial(k);
        for (i, position) in block.clone().enumerate() {
            weights[position] = if bits >> i & 1 == 1 { weight } else { 0.0 };
        }
    }
    Pattern { draw: 0, weights, noise: 1.0 }
}

/// Each block at a noise level of its own. The levels of a draw are spread evenly over the blocks
/// from a common random start, so that together they cover all of time and each by itself is
/// uniform.
fn noisy(length: usize, blocks: &[Range<usize>], draw: usize, rng: &mut Rng) -> Pattern {
    let (start, mut weights, mut noise) = (rng.f64(), vec![0.0; length], 1.0);
    for (i, block) in blocks.iter().enumerate() {
        let uniform = (start + i as f64 / blocks.len() as f64).fract();
        noise = MIN_NOISE + (1.0 - MIN_NOISE) * uniform;
        for position in block.clone() {
            if rng.f64() < noise {
                weights[position] = 1.0 / noise;
            }
        }
    }
    Pattern { draw, weights, noise }
}

fn order(block: &Range<usize>, rng: &mut Rng) -> Vec<usize> {
    let mut order: Vec<usize> = block.clone().collect();
    rng.shuffle(&mut order);
    order
}

/// The first `open` tokens of each order are open; one of the others comes next, each with the
/// same probability.
fn revealed(length: usize, orders: &[Vec<usize>], draw: usize, open: usize) -> Pattern {
    let mut weights = vec![0.0; length];
    for order in orders {
        let masked = order.get(open..).unwrap_or_default();
        masked.iter().for_each(|&position| weights[position] = 1.0 / masked.len() as f64);
    }
    Pattern { draw, weights, noise: 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected loss of a block of three whose token i costs `i + 1` when m tokens are masked,
    /// plus ten times m.
    fn expected(patterns: impl Iterator<Item = Pattern>, draws: f64) -> f64 {
        let loss = |p: Pattern| -> f64 {
            let m = p.weights.iter().filter(|w| **w > 0.0).count() as f64;
            p.weights.iter().enumerate().map(|(i, w)| w * (i as f64 + 1.0 + 10.0 * m)).sum()
        };
        patterns.map(loss).sum::<f64>() / draws
    }

    #[test]
    fn all_estimators_have_the_same_expectation() {
        let block = 0..3;
        let exact = expected(Estimator::Exact.patterns(3, vec![block.clone()], 1), 1.0);
        // Each step of an order costs (1 + 2 + 3) / 3 + 10 m.
        assert!((exact - (3.0 * 2.0 + 10.0 * 6.0)).abs() < 1e-9, "{exact}");
        let draws = 40_000;
        for estimator in [Estimator::MonteCarlo { draws }, Estimator::Orders { draws }] {
            let mean = expected(estimator.patterns(3, vec![block.clone()], 7), draws as f64);
            assert!((mean / exact - 1.0).abs() < 0.02, "{estimator:?}: {mean}, expected {exact}");
        }
    }

    #[test]
    fn the_variance_of_a_noise_draw_is_known_from_the_masks() {
        let (losses, blocks) = ([1.0, 2.0, 3.0, 4.0], vec![0..2, 2..4]);
        let patterns = Estimator::MonteCarlo { draws: 2_000_000 }.patterns(4, blocks, 3);
        let (mut sum, mut squares, mut known, mut n) = (0.0, 0.0, 0.0, 0.0);
        for pattern in patterns {
            let weighted: Vec<f64> =
                pattern.weights.iter().zip(losses).map(|(w, l)| w * l).collect();
            let total: f64 = weighted.iter().sum();
            (sum, squares, n) = (sum + total, squares + total * total, n + 1.0);
            known += pattern.mask_variance(&weighted);
        }
        let (variance, known) = (squares / n - (sum / n).powi(2), known / n);
        assert!((known / (30.0 * 5.9147) - 1.0).abs() < 0.02, "{known}");
        assert!((variance / known - 1.0).abs() < 0.1, "{variance}, from the masks {known}");
    }

    #[test]
    fn a_block_of_one_token_is_always_masked() {
        for estimator in [Estimator::MonteCarlo { draws: 5 }, Estimator::Exact] {
            let patterns: Vec<Pattern> = estimator.patterns(3, vec![1..2, 2..3], 1).collect();
            assert_eq!((patterns.len(), estimator.n_patterns(&[1..2, 2..3])), (1, 1));
            assert_eq!(patterns[0].weights, [0.0, 1.0, 1.0]);
        }
    }

    #[test]
    fn shorter_blocks_have_their_own_weights() {
        let patterns: Vec<Pattern> = Estimator::Exact.patterns(5, vec![1..2, 2..5], 1).collect();
        let sum = |position: usize| patterns.iter().map(|p| p.weights[position]).sum::<f64>();
        assert_eq!((patterns.len(), sum(0), sum(1)), (7, 0.0, 1.0));
        assert!((sum(3) - (1.0 / 3.0 + 2.0 / 6.0 + 1.0 / 3.0)).abs() < 1e-12);
    }

    #[test]
    fn too_many_patterns_are_refused_with_their_number() {
        assert!(Estimator::Exact.check(8).is_ok());
        let error = Estimator::Exact.check(16).unwrap_err().to_string();
        assert!(error.contains("2^16 - 1 passes"), "{error}");
        assert!(Estimator::Orders { draws: 0 }.check(4).is_err());
    }
}
