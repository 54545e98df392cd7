//! A sequence's estimate, from the losses of its noisy copies. Knows no network.

use crate::eval::copies::Layout;
use crate::eval::estimator::{Estimator, Pattern};

/// A sequence's estimate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SequenceNll {
    /// Nats, summed over the counted tokens, averaged over the draws.
    pub nll: f64,
    /// Squared deviations of the draws from their average, summed.
    pub squares: f64,
    /// Draws.
    pub draws: usize,
    /// Variance of one noise draw, from the law of the masks, see [`Pattern::mask_variance`]; 0 for
    /// other estimators.
    pub mask_variance: f64,
    /// Tokens that count.
    pub tokens: usize,
    /// Nats by block.
    pub blocks: Vec<f64>,
}

/// Losses of a sequence as they come in, draw by draw.
pub(crate) struct Sums {
    found: SequenceNll,
    layout: Layout,
    /// Nats by block of what every draw has in common.
    certain: Vec<f64>,
    has_noise: bool,
    draw: usize,
    /// Losses of the current draw.
    current: f64,
}

impl Sums {
    /// Of nothing yet, for an estimate that knows its tokens and blocks.
    pub fn new(found: SequenceNll, layout: Layout, estimator: Estimator) -> Sums {
        let has_noise = matches!(estimator, Estimator::MonteCarlo { .. });
        let certain = vec![0.0; found.blocks.len()];
        Sums { found, layout, certain, has_noise, draw: 0, current: 0.0 }
    }

    /// Adds the loss of a token that no pattern masks.
    pub fn add_certain(&mut self, block: usize, nll: f64) {
        if let Some(sum) = self.certain.get_mut(block) {
            *sum += nll;
        }
    }

    /// Adds the losses of the sequence's tokens under a pattern.
    pub fn add(&mut self, pattern: &Pattern, losses: &[f64]) {
        if pattern.draw != self.draw {
            self.end_draw();
            self.draw = pattern.draw;
        }
        if self.has_noise {
            self.found.mask_variance += pattern.mask_variance(losses);
        }
        self.current += losses.iter().sum::<f64>();
        for (position, loss) in losses.iter().enumerate() {
            if let Some(block) = self.found.blocks.get_mut(self.layout.block_of(position)) {
                *block += loss;
            }
        }
    }

    /// Takes the draw into the mean and the squares. Source: Welford, 1962.
    fn end_draw(&mut self) {
        let found = &mut self.found;
        found.draws += 1;
        let deviation = self.current - found.nll;
        found.nll += deviation / found.draws as f64;
        found.squares += deviation * (self.current - found.nll);
        self.current = 0.0;
    }

    /// The estimate, after the last pattern.
    pub fn finish(mut self) -> SequenceNll {
        self.end_draw();
        let draws = self.found.draws as f64;
        self.found.blocks.iter_mut().for_each(|block| *block /= draws);
        self.found.mask_variance /= draws;
        self.found.nll += self.certain.iter().sum::<f64>();
        for (block, certain) in self.found.blocks.iter_mut().zip(&self.certain) {
            *block += certain;
        }
        self.found
    }
}
