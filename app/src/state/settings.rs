//! How to sample.

use bdlm::sample::{
    Prompt, Request, Sampler, SamplerKind, SamplerNumber, SamplerNumbers, Sampling, Watch,
};
use serde::{Deserialize, Serialize};

/// How to sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SampleSettings {
    /// Tokens of the finished sequence, with BOS and prompt.
    pub length: usize,
    /// Tokens of a block; the checkpoint's if absent.
    pub block_size: Option<usize>,
    /// How cells open.
    pub sampler: SamplerKind,
    /// Cells that open per step.
    pub per_pass: usize,
    /// Steps of a block.
    pub steps: usize,
    /// Cells open at this probability or above.
    pub threshold: f32,
    /// Entropy that the cells of a step may have together, in nats.
    pub entropy_bound: f32,
    /// Divides the logits.
    pub temperature: f32,
    /// Tokens kept, 0 = all.
    pub top_k: usize,
    /// Nucleus, 1 = all.
    pub top_p: f32,
    /// Seed of the random numbers.
    pub seed: u64,
    /// The seed stays; otherwise each run has a new one.
    pub is_seed_locked: bool,
}

impl Default for SampleSettings {
    fn default() -> SampleSettings {
        SampleSettings {
            length: 128,
            block_size: None,
            sampler: SamplerKind::FirstHitting,
            per_pass: 2,
            steps: 8,
            threshold: 0.9,
            entropy_bound: 0.1,
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            seed: 1,
            is_seed_locked: false,
        }
    }
}

/// How many of the likeliest tokens are kept for every masked cell.
const CANDIDATES: usize = 8;

impl SampleSettings {
    /// The request for a prompt.
    pub fn request(&self, prompt: Prompt) -> Request {
        let sampling = Sampling {
            sampler: self.sampler(),
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            ..Sampling::default()
        };
        Request {
            prompt,
            length: self.length,
            block_size: self.block_size,
            seed: self.seed,
            sampling,
            watch: Watch::Steps { candidates: CANDIDATES },
            ..Request::default()
        }
    }

    fn sampler(&self) -> Sampler {
        let numbers = SamplerNumbers {
            steps: Some(self.steps),
            per_pass: Some(self.per_pass),
            threshold: Some(self.threshold),
            entropy_bound: Some(self.entropy_bound),
            ..SamplerNumbers::default()
        };
        self.sampler.sampler(numbers, self.steps)
    }

    /// Whether the text follows the model's distribution.
    pub fn mark(&self) -> &'static str {
        let is_whole = self.temperature == 1.0 && self.top_k == 0 && self.top_p == 1.0;
        match (self.sampler, self.per_pass) {
            (SamplerKind::FirstHitting, _) | (SamplerKind::Random, 1) if is_whole => "exact",
            (SamplerKind::FirstHitting, _) | (SamplerKind::Random, 1) => {
                "exact for the top-p/top-k distribution set below"
            }
            (SamplerKind::Ancestral, _) => "exact as the steps grow",
            (SamplerKind::LeftToRight | SamplerKind::Entropy | SamplerKind::Margin, 1) => {
                "reveals in its own order; changes the distribution"
            }
            _ => "faster, changes the distribution",
        }
    }

    /// The sampler with its number, and what else makes the text.
    pub fn summary(&self) -> String {
        let name = self.sampler.name();
        let number = match self.sampler.number() {
            SamplerNumber::Nothing
            | SamplerNumber::SubBlock
            | SamplerNumber::Fallback
            | SamplerNumber::Projection
            | SamplerNumber::Context => String::new(),
            SamplerNumber::Steps => format!(", {} steps/block", self.steps),
            SamplerNumber::Threshold => format!(", threshold {}", self.threshold),
            SamplerNumber::EntropyBound => format!(", bound {} nats", self.entropy_bound),
            SamplerNumber::PerPass => format!(", {} cells/step", self.per_pass),
        };
        let block = self.block_size.map(|size| format!(" · block {size}")).unwrap_or_default();
        let mut words = format!("{name}{number}{block} · temperature {}", self.temperature);
        if self.top_p < 1.0 {
            words += &format!(" · top-p {}", self.top_p);
        }
        if self.top_k > 0 {
            words += &format!(" · top-k {}", self.top_k);
        }
        words + &format!(" · seed {}", self.seed)
    }
}
