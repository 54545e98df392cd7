//! The objective: which tokens of a batch are masked, what is to be predicted, and how much each
//! prediction counts. The loss of a batch is the sum of `weight * -log p(target)`, in nats per token.
//! Knows no network.
//!
//! Source: Arriola et al., ICLR 2025, equation 8 and Algorithm 1.

use std::ops::Range;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use crate::eval::FirstToken;
use crate::model::{self, Mask};
use crate::train::TrainBatch;
use crate::train::interval::{Interval, antithetic};
use crate::train::random::{Purpose, generator};

/// How many cells of a block are masked, and how much they count. All estimate the same bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Each cell is masked with the probability t of its block, drawn evenly over the blocks of a batch
    /// from an interval; its loss counts 1/t. The paper's.
    Nelbo,
    /// As `Nelbo`; masks are drawn again while the masked part of a block is outside the interval.
    Resampled,
    /// One to all cells of a block of k are masked, each number as often; the mean of their losses
    /// counts k. The same expectation over all noise levels, with less variance.
    LowVariance,
}

/// What a network is trained to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// Block diffusion, masked diffusion or autoregressive.
    pub kind: model::Objective,
    /// How cells are masked.
    pub loss: Loss,
    /// Where noise levels are drawn from.
    pub interval: Interval,
    /// Whether the first token of a sequence is masked and counted.
    pub first: FirstToken,
    /// The token that stands in a masked cell.
    pub masked_id: u32,
}

/// What makes the random numbers of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchKey {
    /// Of the run.
    pub seed: u64,
    /// Index of the batch in the run.
    pub batch: u64,
}

impl Objective {
    /// Whether batches have clean tokens beside the noised ones.
    pub fn has_clean(&self) -> bool {
        matches!(self.kind, model::Objective::Block { .. })
    }

    /// Masks sequences of the same length. The same key gives the same masks. Weights are such that
    /// those of all predictions would sum to 1 if all were the same: the loss is in nats per token.
    ///
    /// # Shapes
    /// sequences `[B, n]`.
    pub fn batch(&self, sequences: &[Vec<u32>], block_size: usize, key: BatchKey) -> TrainBatch {
        match self.kind {
            model::Objective::Autoregressive => next_tokens(sequences),
            model::Objective::Block { .. } => {
                let clean = Some(sequences.concat());
                let mask = Mask::blocks(block_size);
                TrainBatch { clean, mask, ..self.masked(sequences, Some(block_size), key) }
            }
            model::Objective::Masked
            | model::Objective::Score
            | model::Objective::Simplex { .. } => self.masked(sequences, None, key),
        }
    }

    /// Blocks of `size` tokens, or whole sequences as blocks.
    fn masked(&self, sequences: &[Vec<u32>], size: Option<usize>, key: BatchKey) -> TrainBatch {
        let targets = sequences.concat();
        let (mut inputs, mut weights) = (targets.clone(), vec![0.0; targets.len()]);
        let n_blocks: usize = sequences.iter().map(|ids| self.blocks(ids.len(), size).len()).sum();
        let mut noise = generator(key.seed, Purpose::Noise, &[key.batch]);
        let uniform: Vec<f64> = (0..n_blocks).map(|_| noise.f64()).collect();
        let mut levels = antithetic(&uniform).into_iter().map(|u| self.interval.at(u));
        let n_counted: usize =
            sequences.iter().flat_map(|ids| self.blocks(ids.len(), size)).map(|b| b.len()).sum();
        let mut start = 0;
        for (row, ids) in sequences.iter().enumerate() {
            let mut rng = generator(key.seed, Purpose::Cells, &[key.batch, row as u64]);
            for block in self.blocks(ids.len(), size) {
                let (cells, weight) =
                    self.cells(block.len(), levels.next().unwrap_or(1.0), &mut rng);
                for cell in cells {
                    let at = start + block.start + cell;
                    inputs[at] = self.masked_id;
                    weights[at] = (weight / n_counted as f64) as f32;
                }
            }
            start += ids.len();
        }
        TrainBatch { inputs, clean: None, targets, weights, mask: Mask::All }
    }

    /// The masked cells of a block of k, and how much the loss of each counts.
    fn cells(&self, k: usize, level: f64, rng: &mut Rng) -> (Vec<usize>, f64) {
        match self.loss {
            Loss::Nelbo => (bernoulli(k, level, rng), 1.0 / level),
            Loss::Resampled => (self.resampled(k, level, rng), 1.0 / level),
            Loss::LowVariance => {
                let count = rng.usize(1..=k);
                let mut cells: Vec<usize> = (0..k).collect();
                rng.shuffle(&mut cells);
                cells.truncate(count);
                (cells, k as f64 / count as f64)
            }
        }
    }

    fn resampled(&self, k: usize, level: f64, rng: &mut Rng) -> Vec<usize> {
        /// Far more than are needed: a level of the interval makes counts of it likely.
        const MOST_DRAWS: usize = 10_000;
        let counts = self.interval.masked_counts(k);
        let mut draws = (0..MOST_DRAWS).map(|_| bernoulli(k, level, rng));
        let fits = draws.find(|cells| counts.contains(&cells.len()));
        fits.unwrap_or_else(|| bernoulli(k, level, rng))
    }

    /// Ranges of positions that are masked together: blocks without the first token of the sequence,
    /// where that is given.
    fn blocks(&self, length: usize, size: Option<usize>) -> Vec<Range<usize>> {
        let size = size.unwrap_or(length).max(1);
        let first = usize::from(self.first == FirstToken::Given);
        let block = |start: usize| start.max(first)..(start + size).min(length);
        (0..length).step_by(size).map(block).filter(|block| !block.is_empty()).collect()
    }
}

fn bernoulli(k: usize, level: f64, rng: &mut Rng) -> Vec<usize> {
    (0..k).filter(|_| rng.f64() < level).collect()
}

/// Every token is predicted from those before it.
fn next_tokens(sequences: &[Vec<u32>]) -> TrainBatch {
    let inputs = sequences.concat();
    let n_counted: usize = sequences.iter().map(|ids| ids.len().saturating_sub(1)).sum();
    let next = |ids: &Vec<u32>| ids.iter().skip(1).chain(ids.last()).copied().collect::<Vec<_>>();
    let weight = 1.0 / n_counted.max(1) as f32;
    let weights = |ids: &Vec<u32>| {
        let last = ids.len().saturating_sub(1);
        (0..ids.len()).map(|i| if i < last { weight } else { 0.0 }).collect::<Vec<f32>>()
    };
    TrainBatch {
        inputs,
        clean: None,
        targets: sequences.iter().flat_map(next).collect(),
        weights: sequences.iter().flat_map(weights).collect(),
        mask: Mask::Before,
    }
}
