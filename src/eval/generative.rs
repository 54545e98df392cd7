//! Generative perplexity: samples scored by a model that predicts token by token, in windows that
//! slide over them. Source: the evaluation of Arriola et al., 2025, section 6.3.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::eval::estimator::{Estimator, FirstToken};
use crate::eval::likelihood::{Likelihood, LikelihoodOptions};
use crate::model::{Mask, Network};
use crate::sample::entropy;
use crate::{Error, Result};

/// Tokens of a window at most: those of GPT-2, with which generative perplexity is stated. Scorers with
/// longer windows would need memory for them, and their figures would not compare.
const MOST_CONTEXT: usize = 1024;

/// A piece of a sample that the scorer sees at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First token.
    pub start: usize,
    /// Behind the last token.
    pub end: usize,
    /// First token whose likelihood counts; those before it are context.
    pub counted: usize,
}

/// Windows of `context` tokens that move by `stride`: of the first one all tokens but the first
/// count, of each later one the last stride.
pub fn windows(length: usize, context: usize, stride: usize) -> Vec<Window> {
    let strides = (length + stride).saturating_sub(context).div_ceil(stride).max(1);
    let window = |i: usize| {
        let start = i * stride;
        let counted = if i == 0 { 1 } else { start + context - stride };
        Window { start, end: (start + context).min(length), counted }
    };
    (0..strides).map(window).collect()
}

/// How likely a sample is under the scorer.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleScore {
    /// -log p of each token, in nats; 0 for the first, which nothing predicts.
    pub nll: Vec<f64>,
    /// Whether it counts: ends of text and the first token do not.
    pub valid: Vec<bool>,
    /// Entropy of the histogram of tokens, in nats.
    pub entropy: f64,
}

impl SampleScore {
    /// Nats of the tokens that count.
    pub fn sum(&self) -> f64 {
        self.nll.iter().zip(&self.valid).filter(|(_, valid)| **valid).map(|(nll, _)| nll).sum()
    }

    /// Tokens that count.
    pub fn tokens(&self) -> usize {
        self.valid.iter().filter(|valid| **valid).count()
    }
}

/// A model that scores samples.
pub struct GenerativeScorer {
    likelihood: Likelihood,
    context: usize,
    eos: Option<u32>,
}

impl GenerativeScorer {
    /// A scorer; `eos` is the end-of-text token, which is not counted.
    ///
    /// # Errors
    /// [`Error::Request`] for models that do not predict token by token, [`Error::TooLarge`],
    /// [`Error::OutOfMemory`].
    pub fn new(network: Arc<Network>, eos: Option<u32>) -> Result<GenerativeScorer> {
        let spec = network.spec();
        let context = spec.window.min(MOST_CONTEXT);
        let block_size = match spec.mask(None) {
            Mask::Before => None,
            Mask::Blocks { .. } => Some(1),
            Mask::All => {
                let family = spec.family();
                return Err(Error::request(format!(
                    "the scorer is {family}, expected a model that predicts token by token: \
                     GPT-2, an autoregressive checkpoint, or block diffusion at block size 1"
                )));
            }
        };
        let options = LikelihoodOptions {
            estimator: Estimator::Exact,
            block_size,
            first: FirstToken::Given,
            context,
            batch: None,
            seed: 0,
        };
        Ok(GenerativeScorer { likelihood: Likelihood::new(network, options)?, context, eos })
    }

    /// Scores samples, given as the scorer's tokens. `progress` is called with
    /// the windows done and their number; if it breaks, there is no result.
    ///
    /// # Errors
    /// [`Error::Request`] for tokens that the scorer does not know, [`Error::NotFinite`],
    /// [`Error::DeviceLost`].
    pub async fn score(
        &mut self,
        samples: &[Vec<u32>],
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Option<Vec<SampleScore>>> {
        let stride = (self.context / 2).max(1);
        let places = samples.iter().enumerate().flat_map(|(at, ids)| {
            let all = windows(ids.len(), self.context, stride).into_iter();
            all.filter(|window| window.end > window.counted).map(move |window| (at, window))
        });
        let places: Vec<(usize, Window)> = places.collect();
        let sequence = |(at, w): &(usize, Window)| (*at, &samples[*at][w.start..w.end]);
        let sequences: Vec<(usize, &[u32])> = places.iter().map(sequence).collect();
        let Some(found) = self.likelihood.estimate(&sequences, progress).await? else {
            return Ok(None);
        };
        let mut scores: Vec<SampleScore> = samples.iter().map(|ids| self.unscored(ids)).collect();
        for ((at, window), found) in places.into_iter().zip(found) {
            let counted = window.counted..window.end;
            let nll = &found.blocks[window.counted - window.start..];
            scores[at].nll[counted].copy_from_slice(nll);
        }
        Ok(Some(scores))
    }

    fn unscored(&self, ids: &[u32]) -> SampleScore {
        let valid = |(i, id): (usize, &u32)| i > 0 && Some(*id) != self.eos;
        SampleScore {
            nll: vec![0.0; ids.len()],
            valid: ids.iter().enumerate().map(valid).collect(),
            entropy: f64::from(entropy(ids)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_count_every_token_but_the_first_once() {
        for (length, context, stride) in [(1, 8, 4), (8, 8, 4), (9, 8, 4), (75, 32, 16), (64, 8, 3)]
        {
            let all = windows(length, context, stride);
            let counted: Vec<usize> = all.iter().flat_map(|w| w.counted..w.end).collect();
            assert_eq!(counted, (1..length).collect::<Vec<_>>(), "{length} {context} {stride}");
            assert!(all.iter().all(|w| w.end - w.start <= context));
        }
        let last = windows(75, 32, 16)[3];
        assert_eq!(last, Window { start: 48, end: 75, counted: 64 });
    }
}
