//! What to generate, and the checks of it.

use serde::{Deserialize, Serialize};

use crate::model::{Grid, Spec};
use crate::sample::steps::{ContextPolicy, Ends, Geometry, Rule, Sampler, Sampling};
use crate::{Advice, Error, Fault, Result};

/// What comes before the text to generate, after BOS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Text, for checkpoints with a tokenizer.
    Text(String),
    /// Tokens, after what every sequence of the model begins with.
    Ids(Vec<u32>),
    /// All tokens: nothing is put before them.
    Exact(Vec<u32>),
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
    /// Tokens to generate, instead of the length: as the loop counts them that the sampler is published
    /// with. SDAR's goes on to the end of the block, Fast-dLLM v2's counts whole blocks from the one in
    /// which the prompt ends, and one token more.
    pub new_tokens: Option<usize>,
    /// Tokens that there is room for: more than the length, where other runs are to go on with what this
    /// one stored, see [`crate::sample::Run::keep`].
    pub room: usize,
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
    /// Tokens that end an answer, instead of the model's.
    pub stop_ids: Option<Vec<u32>>,
    /// Passes over a window of a block alone, where the sampler has windows: beside keys and values of
    /// the rest of the block as the last pass over all of it left them. Faster, an approximation.
    pub window_cache: bool,
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
            new_tokens: None,
            room: 0,
            block_size: None,
            first_sample: 0,
            samples: 1,
            batch: 1,
            seed: 1,
            sampling: Sampling::default(),
            variable_length: false,
            min_entropy: 4.0,
            stop: Vec::new(),
            stop_ids: None,
            window_cache: false,
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
    /// A request with what the model was published with: how tokens are drawn and cells opened, and
    /// whether a text that repeats itself is redrawn: neither answers nor the published texts of SSD-LM
    /// were.
    pub fn of_model(spec: &Spec) -> Request {
        let request = Request { sampling: Sampling::of_model(spec), ..Request::default() };
        match spec.stop_ids.is_empty() && !spec.has_simplex() {
            true => request,
            false => Request { min_entropy: 0.0, ..request },
        }
    }

    /// Cells that this model generates at a time: those of a block; of the window, or the whole
    /// sequence if it is shorter, for models without blocks; one for autoregressive models.
    pub fn n_cells(&self, spec: &Spec) -> usize {
        Geometry::new(spec, self.length, self.block_size).block_size
    }

    /// The request with a length, after a prompt of so many tokens, and with the model's own sampling.
    #[must_use]
    pub(super) fn resolve(self, spec: &Spec, n_prompt: usize) -> Request {
        let rule = match self.sampling.sampler {
            Sampler::Rule(rule) => Some(rule),
            _ => None,
        };
        let size = Geometry::new(spec, self.length, self.block_size).block_size;
        // Longer texts are refused below.
        let length = match (self.new_tokens.map(|count| count.min(MAX_LENGTH + 1)), rule) {
            (None, _) => self.length,
            (Some(count), Some(Rule { ends: Ends::AtOnce, .. })) => {
                let (whole, blocks) = (n_prompt / size * size, count / size);
                let has_lead = blocks > 0 || whole == n_prompt;
                (whole + blocks * size).max(n_prompt) + usize::from(has_lead)
            }
            (Some(count), Some(_)) if spec.grid == Grid::Sequence => {
                (n_prompt.saturating_add(count)).div_ceil(size) * size
            }
            (Some(count), _) => n_prompt.saturating_add(count),
        };
        let size = Geometry::new(spec, length, self.block_size).block_size;
        let sampling = self.sampling.for_model(spec, size);
        // Contexts see the block after them: nothing of them can be kept.
        let cache = if spec.has_simplex() { CachePolicy::Recompute } else { self.cache };
        let n_blocks = length.saturating_sub(n_prompt).div_ceil(size);
        Request { length, sampling: sampling.of_answer(n_blocks), cache, ..self }
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
        if !spec.slides() && !spec.has_simplex() && self.length > window {
            let length = self.length;
            return refuse(format!(
                "length is {length}, this checkpoint is {family}: expected at most its window of \
                 {window} tokens"
            ));
        }
        Ok(())
    }

    /// Fails for a context that does not fit beside a block, where both are computed together.
    fn check_context(&self, spec: &Spec, n_prompt: usize) -> Result<()> {
        let Sampler::Simplex(simplex) = self.sampling.sampler else { return Ok(()) };
        let (size, window) = (self.n_cells(spec), spec.window);
        let written = (self.length - n_prompt).div_ceil(size) * size;
        let (rows, what) = match simplex.context {
            ContextPolicy::Grow => (n_prompt + written, "prompt and text"),
            ContextPolicy::Last => (n_prompt + size.min(written), "prompt and first block"),
        };
        if rows <= window {
            return Ok(());
        }
        Err(Error::request(format!(
            "{what} have {rows} tokens in blocks of {size}, expected at most the model's window of \
             {window}"
        )))
    }

    fn check_window_cache(&self) -> Result<()> {
        let is_cached = |rule: Rule| rule.window.is_some() && !rule.quota.counts_masked();
        let has_windows = self.sampling.sampler.rule().is_some_and(is_cached);
        let refuse = |words: &str| Err(Error::request(words));
        match (self.window_cache, has_windows) {
            (true, false) => refuse("a cache of sub-blocks is for samplers with sub-blocks"),
            (true, true) if self.batch > 1 => {
                refuse("a cache of sub-blocks is for one sample at a time")
            }
            (true, true) if self.cache == CachePolicy::Recompute => {
                refuse("a cache of sub-blocks cannot be recomputed")
            }
            _ => Ok(()),
        }
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
        self.check_context(spec, prompt.len())?;
        spec.check_ids(prompt)?;
        if let Some(mask) = spec.mask_id.filter(|mask| prompt.contains(mask)) {
            return refuse(format!("the prompt holds the mask token, {mask}"));
        }
        if spec.logit_shift > 0 && prompt.is_empty() {
            return refuse(
                "the prompt is empty: this model needs a token to predict the next".into(),
            );
        }
        spec.check_ids(self.stop_ids.as_deref().unwrap_or_default())?;
        self.check_window_cache()?;
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
