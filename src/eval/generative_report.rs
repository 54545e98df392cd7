//! Scored samples, put together: generative perplexity, entropy, lengths and cost.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

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
    /// Samples of which a token counts.
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
    /// Samples of which no token counts; they are in no mean.
    pub unscored: usize,
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
        let n_samples = samples.len();
        let samples: Vec<&ScoredSample> = samples.iter().filter(|s| s.tokens > 0).collect();
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
            unscored: n_samples - samples.len(),
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
    fn samples_without_a_token_are_counted_and_in_no_mean() -> Result<()> {
        let sample = |sample, tokens: usize| ScoredSample {
            sample,
            gen_ppl: (tokens > 0).then_some(3.0),
            nll: tokens as f64,
            tokens,
            entropy: tokens as f64,
            length: tokens + 1,
            nfe: Some(tokens),
            passes: None,
        };
        let scored = [sample(0, 2), sample(2, 4)];
        let with = [scored[0].clone(), sample(1, 0), scored[1].clone()];
        let without = GenerativeReport::new("m", &scored)?;
        let with = GenerativeReport::new("m", &with)?;
        assert_eq!((with.samples, with.unscored, with.lengths.min), (2, 1, 3.0));
        assert_eq!(with, GenerativeReport { unscored: 1, ..without });
        assert!(GenerativeReport::new("m", &[sample(0, 0)]).is_err());
        Ok(())
    }

    #[test]
    fn summaries_are_of_all_numbers() {
        let summary = Summary::of([4.0, 1.0, 3.0, 2.0]);
        let numbers = summary.map(|s| (s.min, s.median, s.mean, s.max));
        assert_eq!(numbers, Some((1.0, 2.5, 2.5, 4.0)));
        assert!(summary.is_some_and(|s| (s.std - (5.0f64 / 3.0).sqrt()).abs() < 1e-12));
        assert_eq!(Summary::of([7.0]).map(|s| s.std), Some(0.0));
        assert!(Summary::of([]).is_none());
    }
}
