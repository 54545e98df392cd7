//! How to sample.

use bdlm::sample::{
    Prompt, Request, Sampler, SamplerKind, SamplerNumber, SamplerNumbers, Sampling, Watch,
};
use serde::{Deserialize, Serialize};

use crate::engine::{Choices, Loaded};

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
    /// What the model was published with. A setting that is equal to it was not changed.
    pub own: Choices,
}

impl Default for SampleSettings {
    fn default() -> SampleSettings {
        let own = Choices::default();
        SampleSettings {
            length: 128,
            block_size: None,
            sampler: own.sampler,
            per_pass: 2,
            steps: 8,
            threshold: 0.9,
            entropy_bound: 0.1,
            temperature: own.temperature,
            top_k: own.top_k,
            top_p: own.top_p,
            seed: 1,
            is_seed_locked: false,
            own,
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
            nucleus: self.own.nucleus,
        };
        Request {
            prompt,
            length: self.length,
            block_size: self.block_size,
            seed: self.seed,
            sampling,
            min_entropy: self.own.min_entropy,
            watch: Watch::Steps { candidates: CANDIDATES },
            ..Request::default()
        }
    }

    /// Takes over the choices of another model, where nothing was changed.
    pub fn suit(&mut self, own: Choices) {
        let before = std::mem::replace(&mut self.own, own);
        take(&mut self.sampler, before.sampler, own.sampler);
        take(&mut self.temperature, before.temperature, own.temperature);
        take(&mut self.top_k, before.top_k, own.top_k);
        take(&mut self.top_p, before.top_p, own.top_p);
    }

    /// The settings without what was chosen for another kind of model.
    #[must_use]
    pub fn of_loaded(self, model: &Loaded) -> SampleSettings {
        let block_size = self.block_size.filter(|_| model.block_size.is_some());
        let sampler = if model.has_samplers { self.sampler } else { SamplerKind::FirstHitting };
        SampleSettings { block_size, sampler, ..self }
    }

    /// The number that the sampler takes and that can be set; those of chat models have their own.
    pub fn number(&self) -> SamplerNumber {
        match self.sampler.is_of_chat_models() {
            true => SamplerNumber::Nothing,
            false => self.sampler.number(),
        }
    }

    fn sampler(&self) -> Sampler {
        if self.sampler.is_of_chat_models() {
            return self.sampler.sampler(SamplerNumbers::default(), self.steps);
        }
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
        let number = match self.number() {
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

/// Changes a setting that was as the model before had it.
fn take<T: PartialEq>(setting: &mut T, before: T, own: T) {
    if *setting == before {
        *setting = own;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_model_changes_what_was_not_changed() {
        let tales = Choices { top_p: 0.8, ..Choices::default() };
        let chats = Choices { temperature: 0.0, top_p: 0.95, ..Choices::default() };
        let mut settings = SampleSettings::default();
        settings.suit(tales);
        assert_eq!((settings.top_p, settings.temperature), (0.8, 1.0));
        settings.temperature = 0.7;
        settings.suit(chats);
        assert_eq!((settings.top_p, settings.temperature), (0.95, 0.7));
        settings.suit(tales);
        assert_eq!((settings.top_p, settings.temperature), (0.8, 0.7));
    }

    #[test]
    fn a_request_is_that_of_the_command_line() {
        let (files, asked) = (bdlm::hub::ModelFiles::embedded(), bdlm::model::Habits::default());
        let spec = bdlm::model::Spec::of_files(&files, asked).unwrap();
        let mut settings = SampleSettings::default();
        settings.suit(Choices::of_model(&spec));
        let (own, prompt) = (Request::of_model(&spec), Prompt::Text(String::new()));
        let request = settings.request(prompt);
        assert_eq!((request.sampling, request.min_entropy), (own.sampling, own.min_entropy));
        assert!(request.sampling.top_p < 1.0, "tales asks for less than all tokens");
    }
}
