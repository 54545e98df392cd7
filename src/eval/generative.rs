//! Generative perplexity: samples scored by a model that predicts token by token, in windows that
//! slide over them. Source: the evaluation of Arriola et al., 2025, section 6.3.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::eval::estimator::{Estimator, FirstToken};
use crate::eval::likelihood::{Likelihood, LikelihoodOptions};
use crate::model::{Mask, Network};
use crate::sample::entropy;
use crate::{Error, Result};

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
        let (spec, context) = (network.spec(), network.spec().window);
        let block_size = match spec.mask(None) {
            Mask::Before => None,
            Mask::Blocks(_) => Some(1),
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

/// A sample with its score: what a report is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoredSample {
    /// Index of the sample.
    pub sample: usize,
    /// Perplexity under the scorer; none if no token counts.
    pub gen_ppl: Option<f64>,
    /// Nats of the tokens that count.
    pub nll: f64,
    /// Tokens that count.
    pub tokens: usize,
    /// Entropy of the histogram of the scorer's tokens, in nats.
    pub entropy: f64,
    /// Tokens of the sample, as its own model counts them.
    pub length: usize,
    /// Denoising evaluations, if they are known.
    pub nfe: Option<usize>,
    /// Runs of the network, if they are known.
    pub passes: Option<usize>,
}

/// Smallest, middle, mean and largest of some numbers, and their standard deviation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Smallest.
    pub min: f64,
    /// Middle; of an even number the mean of the two in the middle.
    pub median: f64,
    /// Mean.
    pub mean: f64,
    /// Largest.
    pub max: f64,
    /// Standard deviation, 0 for a single number.
    pub std: f64,
}

impl Summary {
    /// None for no numbers.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Summary> {
        let mut sorted: Vec<f64> = numbers.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (n, half) = (sorted.len(), sorted.len() / 2);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let median =
            if n % 2 == 1 { sorted[half] } else { (sorted[half - 1] + sorted[half]) / 2.0 };
        let mean = sorted.iter().sum::<f64>() / n as f64;
        let squares: f64 = sorted.iter().map(|x| (x - mean).powi(2)).sum();
        let std = (squares / (n.max(2) - 1) as f64).sqrt();
        Some(Summary { min, median, mean, max, std })
    }
}

/// Generative perplexity of some samples. Low perplexity with low entropy is repetition: the two
/// are always reported together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GenerativeReport {
    /// The scorer's name.
    pub scorer: String,
    /// Samples.
    pub samples: usize,
    /// exp of nats per counted token, over all samples.
    pub gen_ppl: f64,
    /// Standard deviation of the samples' own perplexities.
    pub gen_ppl_std: f64,
    /// Mean entropy, in nats.
    pub entropy: f64,
    /// Its standard deviation.
    pub entropy_std: f64,
    /// Tokens of the samples.
    pub lengths: Summary,
    /// Mean number of denoising evaluations.
    pub nfe: Option<f64>,
    /// Its standard deviation.
    pub nfe_std: Option<f64>,
    /// Mean number of runs of the network.
    pub passes: Option<f64>,
    /// Its standard deviation.
    pub passes_std: Option<f64>,
}

impl GenerativeReport {
    /// Puts samples together.
    ///
    /// # Errors
    /// [`Error::Request`] if no token counts.
    pub fn new(scorer: &str, samples: &[ScoredSample]) -> Result<GenerativeReport> {
        let tokens: usize = samples.iter().map(|sample| sample.tokens).sum();
        let nll: f64 = samples.iter().map(|sample| sample.nll).sum();
        let ppls = Summary::of(samples.iter().filter_map(|sample| sample.gen_ppl));
        let entropies = Summary::of(samples.iter().map(|sample| sample.entropy));
        let lengths = Summary::of(samples.iter().map(|sample| sample.length as f64));
        let (Some(ppls), Some(entropies), Some(lengths)) = (ppls, entropies, lengths) else {
            return Err(Error::request("there is no sample with a token to score"));
        };
        let summary = |number: fn(&ScoredSample) -> Option<usize>| {
            let numbers: Option<Vec<f64>> =
                samples.iter().map(|sample| number(sample).map(|n| n as f64)).collect();
            numbers.and_then(Summary::of)
        };
        let (nfe, passes) = (summary(|sample| sample.nfe), summary(|sample| sample.passes));
        Ok(GenerativeReport {
            scorer: scorer.into(),
            samples: samples.len(),
            gen_ppl: (nll / tokens as f64).exp(),
            gen_ppl_std: ppls.std,
            entropy: entropies.mean,
            entropy_std: entropies.std,
            lengths,
            nfe: nfe.map(|s| s.mean),
            nfe_std: nfe.map(|s| s.std),
            passes: passes.map(|s| s.mean),
            passes_std: passes.map(|s| s.std),
        })
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

    #[test]
    fn summaries_are_of_all_numbers() {
        let summary = Summary::of([4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((summary.min, summary.median, summary.mean, summary.max), (1.0, 2.5, 2.5, 4.0));
        assert!((summary.std - (5.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(Summary::of([7.0]).unwrap().std, 0.0);
        assert!(Summary::of([]).is_none());
    }
}
