//! What a run of training does.

use serde::{Deserialize, Serialize};

use crate::eval::FirstToken;
use crate::model::{Objective as Kind, Spec};
use crate::train::BackwardOptions;
use crate::train::block_sizes::BlockSizes;
use crate::train::interval::Interval;
use crate::train::objective::{Loss, Objective};
use crate::train::optimiser::OptimiserOptions;
use crate::train::rate::{Decay, Length, Rate};
use crate::{Error, Result};

/// What a run of training does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainOptions {
    /// When it ends.
    pub length: Length,
    /// Sequences of a pass.
    pub batch: usize,
    /// Passes of a step.
    pub accumulate: usize,
    /// Tokens of a block.
    pub block_sizes: BlockSizes,
    /// How cells are masked.
    pub loss: Loss,
    /// Whether the first token of a sequence is masked and counted.
    pub first: FirstToken,
    /// Where noise levels are drawn from, at first if they are searched for.
    pub interval: Interval,
    /// The learning rate.
    pub rate: Rate,
    /// How weights are changed.
    pub optimiser: OptimiserOptions,
    /// Probability with which dropout zeroes a number.
    pub dropout: f32,
    /// Bytes of activations that are kept from the pass forward; layers are run again if they need more.
    pub max_kept_bytes: u64,
    /// The same seed gives the same run.
    pub seed: u64,
    /// What happens between the steps.
    pub checks: ChecksOptions,
}

/// What happens between the steps. It does not change them, but for the search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChecksOptions {
    /// Steps from one validation to the next; none: only at the end.
    pub every_steps: Option<usize>,
    /// Sequences of a validation.
    pub sequences: usize,
    /// Noise draws per sequence.
    pub draws: usize,
    /// Searches for the interval of noise levels whose block losses vary least.
    pub searches: bool,
    /// Beginning of the sample, and its tokens; no samples if absent.
    pub sample: Option<SampleOptions>,
}

/// The sample of a validation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleOptions {
    /// Its beginning.
    pub prompt: String,
    /// Tokens in all.
    pub length: usize,
}

impl Default for TrainOptions {
    /// The paper's optimiser and schedule, for small networks: a run has no end yet.
    fn default() -> TrainOptions {
        TrainOptions {
            length: Length::default(),
            batch: 16,
            accumulate: 1,
            block_sizes: BlockSizes::fixed(8),
            loss: Loss::LowVariance,
            first: FirstToken::Given,
            interval: Interval::default(),
            rate: Rate { peak: 3e-4, warmup_steps: 100, decay: Decay::Constant, decay_from: 0.0 },
            optimiser: OptimiserOptions::default(),
            dropout: 0.0,
            max_kept_bytes: BackwardOptions::default().max_kept_bytes,
            seed: 1,
            checks: ChecksOptions::default(),
        }
    }
}

impl Default for ChecksOptions {
    fn default() -> ChecksOptions {
        ChecksOptions {
            every_steps: Some(500),
            sequences: 32,
            draws: 2,
            searches: false,
            sample: Some(SampleOptions { prompt: "Once upon a time".into(), length: 100 }),
        }
    }
}

impl TrainOptions {
    /// Tokens of a step.
    pub fn step_tokens(&self, window: usize) -> usize {
        self.batch * self.accumulate * window
    }

    /// What a network is trained to do, with noise levels from an interval.
    pub fn objective(&self, spec: &Spec, interval: Interval) -> Objective {
        let masked_id = spec.masked_id();
        Objective { kind: spec.objective, loss: self.loss, interval, first: self.first, masked_id }
    }

    /// Fails for what cannot be done with sequences of `window` tokens.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check(&self, spec: &Spec, window: usize) -> Result<()> {
        self.length.check()?;
        self.rate.check()?;
        self.optimiser.check()?;
        self.interval.check()?;
        let counts = [
            ("the batch", self.batch, 1 << 16),
            ("the passes of a step", self.accumulate, 1 << 20),
            ("the draws of a validation", self.checks.draws, 1 << 20),
            ("the steps between validations", self.checks.every_steps.unwrap_or(1), usize::MAX),
        ];
        if let Some((what, got, most)) =
            counts.iter().find(|(_, got, most)| !(1..=*most).contains(got))
        {
            return Err(Error::request(format!("{what}: {got}, expected 1 to {most}")));
        }
        if window < 2 || window > spec.window {
            let most = spec.window;
            return Err(Error::request(format!(
                "sequences of {window} tokens, expected 2 to the model's window of {most}"
            )));
        }
        if spec.gives_scores() || spec.takes_noise() {
            let words = "a network that is conditioned on the noise level cannot be trained";
            return Err(Error::request(words));
        }
        match spec.objective {
            Kind::Block { .. } => self.block_sizes.check(window),
            _ => Ok(()),
        }
    }
}
