//! What to generate, and the checks of it.

use serde::{Deserialize, Serialize};

use crate::model::Spec;
use crate::sample::steps::{Geometry, Sampling};
use crate::{Advice, Error, Fault, Result};

/// What comes before the text to generate, after BOS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Text, for checkpoints with a tokenizer.
    Text(String),
    /// Tokens.
    Ids(Vec<u32>),
}

/// What happens to the keys and values of finished blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CachePolicy {
    /// Stored by the next block's first pass: one pass fewer per block.
    #[default]
    Fused,
    /// Stored by a pass of their own, as in Algorithm 2 of the paper.
    Separate,
    /// Nothing is kept: every pass recomputes the whole sequence. The text is the same; for
    /// checking the cache and measuring it.
    Recompute,
}

/// Which events a run has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watch {
    /// Finished blocks: the fastest.
    #[default]
    Blocks,
    /// Every step too.
    Steps {
        /// Likeliest tokens to report of each masked cell.
        candidates: usize,
    },
}

/// What to generate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// The beginning of every sample.
    pub prompt: Prompt,
    /// Tokens of a finished sequence, BOS and prompt included.
    pub length: usize,
    /// Tokens of a block; the checkpoint's if absent.
    pub block_size: Option<usize>,
    /// Index of the first sample; with the seed it makes the sample's random numbers.
    pub first_sample: usize,
    /// Samples to generate.
    pub samples: usize,
    /// Samples that are generated at the same time.
    pub batch: usize,
    /// The same seed gives the same samples.
    pub seed: u64,
    /// How tokens are drawn and cells opened.
    pub sampling: Sampling,
    /// Ends a sample at the second end-of-text token.
    pub variable_length: bool,
    /// Redraw, or with variable length cut, a sample whose last 256 tokens have a lower entropy
    /// than this, in nats; 0 = never.
    pub min_entropy: f32,
    /// Texts that end a sample; they are cut off.
    pub stop: Vec<String>,
    /// Keys and values of finished blocks.
    pub cache: CachePolicy,
    /// Which events the run has.
    pub watch: Watch,
}

impl Default for Request {
    fn default() -> Request {
        Request {
            prompt: Prompt::Text(String::new()),
            length: 256,
            block_size: None,
            first_sample: 0,
            samples: 1,
            batch: 1,
            seed: 1,
            sampling: Sampling::default(),
            variable_length: false,
            min_entropy: 4.0,
            stop: Vec::new(),
            cache: CachePolicy::Fused,
            watch: Watch::Blocks,
        }
    }
}

/// Most candidates per cell.
pub(super) const MAX_CANDIDATES: usize = 64;
/// Most tokens of a sequence.
pub(super) const MAX_LENGTH: usize = 1 << 24;
/// Most samples at the same time.
pub(super) const MAX_BATCH: usize = 1 << 16;

impl Request {
    /// Cells that this model generates at a time: those of a block; of the window, or the whole
    /// sequence if it is shorter, for models without blocks; one for autoregressive models.
    pub fn n_cells(&self, spec: &Spec) -> usize {
        Geometry::new(spec, self.length, self.block_size).block_size
    }

    /// Behind the index of the last sample.
    pub(crate) fn end_sample(&self) -> usize {
        self.first_sample.saturating_add(self.samples)
    }

    /// Fails for what this model does not do.
    fn check_model(&self, spec: &Spec) -> Result<()> {
        let (family, window) = (spec.family(), spec.window);
        let refuse = |words: String| Err(Error::request(words));
        match (spec.block_size(), self.block_size) {
            (Some(own), size) => spec.check_block_size(size.unwrap_or(own))?,
            (None, Some(size)) => {
                return refuse(format!(
                    "this checkpoint is {family}: it has no blocks of size {size}"
                ));
            }
            (None, None) => {}
        }
        if spec.takes_noise() && !spec.gives_scores() {
            let fault = Fault::from(format!(
                "this checkpoint is {family} and conditioned on the noise level \
                 (time_conditioning), which only the analytic sampler of SEDD tracks"
            ));
            return Err(Error::Request(fault.advise(Advice::ReadLogits)));
        }
        self.sampling.check_model(spec)?;
        if !spec.slides() && self.length > window {
            let length = self.length;
            return refuse(format!(
                "length is {length}, this checkpoint is {family}: expected at most its window of \
                 {window} tokens"
            ));
        }
        Ok(())
    }

    /// Fails if the request cannot be met by this model, given the prompt's tokens (BOS first).
    ///
    /// # Errors
    /// [`Error::Request`], [`Error::Config`].
    pub fn check(&self, spec: &Spec, prompt: &[u32]) -> Result<()> {
        let refuse = |words: String| Err(Error::request(words));
        self.check_model(spec)?;
        self.sampling.check()?;
        if self.samples == 0 || self.batch == 0 {
            let (samples, batch) = (self.samples, self.batch);
            return refuse(format!(
                "samples is {samples} and batch is {batch}, expected at least 1"
            ));
        }
        if self.length > MAX_LENGTH || self.batch > MAX_BATCH {
            let (length, batch) = (self.length, self.batch);
            return refuse(format!(
                "length is {length} and batch is {batch}, expected at most {MAX_LENGTH} and \
                 {MAX_BATCH}"
            ));
        }
        if prompt.len() > self.length {
            let (got, length) = (prompt.len(), self.length);
            let fault = Fault::from(format!(
                "the prompt has {got} tokens with BOS, more than the length of {length}"
            ));
            return Err(Error::Request(fault.advise(Advice::LongerText)));
        }
        spec.check_ids(prompt)?;
        if let Some(mask) = spec.mask_id.filter(|mask| prompt.contains(mask)) {
            return refuse(format!("the prompt holds the mask token, {mask}"));
        }
        if self.stop.iter().any(String::is_empty) {
            return refuse("a stop string is empty".into());
        }
        if !(0.0..=10.0).contains(&self.min_entropy) {
            return refuse(format!("min-entropy is {}, expected 0 to 10 nats", self.min_entropy));
        }
        match self.watch {
            Watch::Steps { candidates } if candidates > MAX_CANDIDATES => {
                refuse(format!("{candidates} candidates, expected at most {MAX_CANDIDATES}"))
            }
            _ => Ok(()),
        }
    }
}
