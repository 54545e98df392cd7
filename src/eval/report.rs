//! Results of sequences, put together exactly: sums, not means of means. Knows no files.

use serde::{Deserialize, Serialize};

use crate::eval::data::{Counts, Wrap};
use crate::eval::estimator::{Estimator, FirstToken};
use crate::eval::sums::SequenceNll;
use crate::hub::ModelDigests;
use crate::{Error, Result};

/// The bytes that an evaluation is of, by their digests (SHA-256, in hexadecimal).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// Of the model's files.
    #[serde(flatten)]
    pub model: ModelDigests,
    /// Of the data's file or files.
    pub data_sha256: String,
}

/// How data became sequences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The data set that it was read as, if any.
    pub preset: Option<String>,
    /// The format that was asked for, if any.
    pub data_format: Option<String>,
    /// The key or column that was asked for, if any.
    pub text_key: Option<String>,
    /// How documents became sequences.
    pub wrap: Wrap,
    /// Whether documents end with the end-of-text token.
    pub insert_eos: bool,
    /// Whether special tokens stand around each sequence.
    pub insert_special: bool,
}

/// What makes an evaluation: parts that differ in it cannot be put together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The model's name.
    pub model: String,
    /// The data's name.
    pub data: String,
    /// How the expectation over masks was taken.
    #[serde(flatten)]
    pub estimator: Estimator,
    /// Tokens of a block; none for models without blocks.
    pub block_size: Option<usize>,
    /// Tokens of the longest sequence.
    pub context: usize,
    /// What happened to the first token.
    pub first_token: FirstToken,
    /// Seed of the noise.
    pub seed: u64,
    /// How weights were held.
    pub weights: String,
    /// Whether activations were rounded to f16 for matrix units.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub matrix_units: bool,
    /// How text became sequences; none if tokens were given.
    #[serde(flatten)]
    pub cut: Option<Cut>,
    /// What it is of.
    #[serde(flatten)]
    pub inputs: Inputs,
}

/// The result of one sequence: a line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SequenceResult {
    /// Index in the corpus.
    pub index: usize,
    /// Nats, summed over the counted tokens.
    pub nll: f64,
    /// Squared deviations of the draws from `nll`, summed.
    pub squares: f64,
    /// Draws.
    pub draws: usize,
    /// Variance of one noise draw, from the law of the masks.
    #[serde(default)]
    pub mask_variance: f64,
    /// Tokens that count.
    pub tokens: usize,
    /// Bytes of their text, if it is known.
    pub bytes: Option<u64>,
    /// Runs of the network since the last line.
    pub passes: usize,
    /// Seconds since the last line.
    pub secs: f64,
}

impl SequenceResult {
    /// A sequence's estimate with its place in the corpus.
    pub fn new(index: usize, found: &SequenceNll, bytes: Option<u64>) -> SequenceResult {
        let SequenceNll { nll, squares, draws, mask_variance, tokens, .. } = *found;
        let (passes, secs) = (0, 0.0);
        SequenceResult { index, nll, squares, draws, mask_variance, tokens, bytes, passes, secs }
    }
}

/// The likelihood of a corpus.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PplReport {
    /// What was computed.
    #[serde(flatten)]
    pub settings: Settings,
    /// Nats per counted token.
    pub nll_per_token: f64,
    /// Its standard error from the noise: 0 for exact values. It is taken from the spread of a
    /// sequence's draws, or with one draw from that of the sequences, but is never less than what
    /// the masks of noise draws make by themselves: a spread of few draws is too small, since a
    /// rare draw of little noise has a large weight.
    pub stderr: f64,
    /// exp(nll_per_token).
    pub ppl: f64,
    /// Bits per byte of the counted tokens' text.
    pub bits_per_byte: Option<f64>,
    /// Tokens that count.
    pub tokens: usize,
    /// Sequences of which a token counts.
    pub sequences: usize,
    /// Sequences of which none does; they are in no mean.
    pub sequences_unscored: usize,
    /// What became of the documents; none if tokens were given, or the end was not reached.
    #[serde(flatten)]
    pub counts: Option<Counts>,
    /// Runs of the network.
    pub passes: usize,
    /// Seconds.
    pub secs: f64,
}

impl PplReport {
    /// Puts results together; of none, the likelihood is NaN.
    ///
    /// # Errors
    /// [`Error::Request`] if a sequence appears twice.
    pub fn new(settings: Settings, results: &[SequenceResult]) -> Result<PplReport> {
        let mut indices: Vec<usize> = results.iter().map(|r| r.index).collect();
        indices.sort_unstable();
        if let Some(twice) = indices.windows(2).find(|pair| pair[0] == pair[1]) {
            let index = twice[0];
            return Err(Error::request(format!("sequence {index} appears twice")));
        }
        let n_results = results.len();
        let results: Vec<&SequenceResult> = results.iter().filter(|r| r.tokens > 0).collect();
        let tokens: usize = results.iter().map(|r| r.tokens).sum();
        let nll: f64 = results.iter().map(|r| r.nll).sum();
        let nll_per_token = nll / tokens as f64;
        let bytes: Option<u64> = results.iter().map(|r| r.bytes).sum();
        let bits = |bytes: u64| nll / std::f64::consts::LN_2 / bytes as f64;
        Ok(PplReport {
            nll_per_token,
            stderr: standard_error(settings.estimator, &results, nll_per_token, tokens),
            ppl: nll_per_token.exp(),
            bits_per_byte: bytes.filter(|&bytes| bytes > 0).map(bits),
            tokens,
            sequences: results.len(),
            sequences_unscored: n_results - results.len(),
            counts: None,
            passes: results.iter().map(|r| r.passes).sum(),
            secs: results.iter().map(|r| r.secs).sum(),
            settings,
        })
    }
}

fn standard_error(
    estimator: Estimator,
    results: &[&SequenceResult],
    mean: f64,
    tokens: usize,
) -> f64 {
    let count = results.len() as f64;
    let spread: f64 = match estimator {
        Estimator::Exact => 0.0,
        _ if results.iter().all(|r| r.draws > 1) => {
            results.iter().map(|r| r.squares / (r.draws * (r.draws - 1)) as f64).sum()
        }
        _ if results.len() > 1 => {
            let residual = |r: &&SequenceResult| r.nll - mean * r.tokens as f64;
            results.iter().map(|r| residual(r).powi(2)).sum::<f64>() * count / (count - 1.0)
        }
        _ => f64::NAN,
    };
    let masks: f64 = results.iter().map(|r| r.mask_variance / r.draws.max(1) as f64).sum();
    // Of one draw of one sequence only the masks are known; without them nothing is.
    let variance = if masks > 0.0 { spread.max(masks) } else { spread };
    variance.sqrt() / tokens as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(estimator: Estimator) -> Settings {
        Settings {
            model: "m".into(),
            data: "d".into(),
            estimator,
            block_size: Some(4),
            context: 8,
            first_token: FirstToken::Given,
            seed: 1,
            weights: "f16".into(),
            matrix_units: false,
            cut: None,
            inputs: Inputs::default(),
        }
    }

    fn result(index: usize, nll: f64, tokens: usize) -> SequenceResult {
        let (squares, draws, bytes) = (6.0, 3, Some(2 * tokens as u64));
        let (mask_variance, passes, secs) = (0.0, 2, 0.5);
        SequenceResult { index, nll, squares, draws, mask_variance, tokens, bytes, passes, secs }
    }

    #[test]
    fn parts_are_added_up_by_tokens_not_by_sequences() -> Result<()> {
        let draws = Estimator::MonteCarlo { draws: 3 };
        let all = [result(0, 8.0, 4), result(5, 20.0, 8)];
        let report = PplReport::new(settings(draws), &all)?;
        assert!((report.nll_per_token - 28.0 / 12.0).abs() < 1e-12);
        assert!((report.stderr - 2f64.sqrt() / 12.0).abs() < 1e-12);
        let wanted = 28.0 / 2f64.ln() / 24.0;
        assert!(report.bits_per_byte.is_some_and(|bits| (bits - wanted).abs() < 1e-12));
        assert_eq!((report.passes, report.sequences, report.tokens), (4, 2, 12));
        assert_eq!(PplReport::new(settings(Estimator::Exact), &all)?.stderr, 0.0);
        let unknown = [all[0].clone(), SequenceResult { bytes: None, ..all[1].clone() }];
        assert!(PplReport::new(settings(draws), &unknown)?.bits_per_byte.is_none());
        Ok(())
    }

    #[test]
    fn one_draw_takes_its_error_from_the_spread_of_the_sequences() -> Result<()> {
        let once = |index, nll| SequenceResult { draws: 1, squares: 0.0, ..result(index, nll, 4) };
        let draws = Estimator::MonteCarlo { draws: 1 };
        let report = PplReport::new(settings(draws), &[once(0, 7.0), once(1, 9.0)])?;
        assert!((report.stderr - 2.0 / 8.0).abs() < 1e-12, "{}", report.stderr);
        assert!(PplReport::new(settings(draws), &[once(0, 7.0)])?.stderr.is_nan());
        Ok(())
    }

    #[test]
    fn an_error_is_not_below_that_of_the_masks() -> Result<()> {
        let once = |index, nll, mask_variance| {
            let draws = 1;
            SequenceResult { draws, squares: 0.0, mask_variance, ..result(index, nll, 4) }
        };
        let stderr = |all: &[SequenceResult]| -> Result<f64> {
            Ok(PplReport::new(settings(Estimator::MonteCarlo { draws: 1 }), all)?.stderr)
        };
        assert!(
            (stderr(&[once(0, 7.0, 8.0), once(1, 9.0, 10.0)])? - 18f64.sqrt() / 8.0).abs() < 1e-12
        );
        assert!((stderr(&[once(0, 7.0, 0.5), once(1, 9.0, 0.5)])? - 2.0 / 8.0).abs() < 1e-12);
        assert!((stderr(&[once(0, 7.0, 16.0)])? - 1.0).abs() < 1e-12);
        Ok(())
    }

    #[test]
    fn a_sequence_that_appears_twice_is_refused() {
        let twice = [result(3, 1.0, 4), result(3, 1.0, 4)];
        let refused = PplReport::new(settings(Estimator::Exact), &twice).err();
        let error = refused.map(|e| e.to_string());
        assert!(
            error.as_ref().is_some_and(|e| e.contains("sequence 3 appears twice")),
            "{error:?}"
        );
    }

    #[test]
    fn what_scores_nothing_is_counted_and_in_no_mean()
    -> std::result::Result<(), Box<dyn std::error::Error>> {
        let draws = Estimator::MonteCarlo { draws: 1 };
        let once = |index, nll, tokens| SequenceResult {
            draws: 1,
            squares: 0.0,
            ..result(index, nll, tokens)
        };
        let scored = [once(0, 7.0, 4), once(1, 9.0, 4)];
        let with = [scored[0].clone(), once(2, 0.0, 0), scored[1].clone()];
        let (with, without) =
            (PplReport::new(settings(draws), &with)?, PplReport::new(settings(draws), &scored)?);
        assert_eq!((with.sequences, with.sequences_unscored), (2, 1));
        assert_eq!((with.nll_per_token, with.stderr), (without.nll_per_token, without.stderr));
        let none = PplReport::new(settings(draws), &[])?;
        assert!(none.ppl.is_nan() && none.sequences == 0);
        let json = serde_json::to_value(&none)?;
        assert!(json["ppl"].is_null() && json["stderr"].is_null(), "{json}");
        Ok(())
    }
}
