//! What the user chose: how to sample, and how it looks. Kept from one start of the app to the next.

use bdlm::sample::{
    Prompt, Request, Sampler, SamplerKind, SamplerNumber, SamplerNumbers, Sampling, Watch,
};
use serde::{Deserialize, Serialize};

use crate::view::ColorBy;

/// How to sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SampleSettings {
    /// Tokens of the finished sequence, BOS and prompt included.
    pub length: usize,
    /// Tokens of a block; the checkpoint's if absent.
    pub block_size: Option<usize>,
    /// How cells open.
    pub sampler: SamplerKind,
    /// Cells that open per step.
    pub per_pass: usize,
    /// Steps of a block.
    pub steps: usize,
    /// Probability from which cells open.
    pub threshold: f32,
    /// Nats.
    pub entropy_bound: f32,
    /// Divides the logits.
    pub temperature: f32,
    /// Tokens kept, 0 = all.
    pub top_k: usize,
    /// Nucleus, 1 = all.
    pub top_p: f32,
    /// Of the random numbers.
    pub seed: u64,
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
            top_p: 0.9,
            seed: 1,
        }
    }
}

/// Likeliest tokens that are kept of every masked cell.
const CANDIDATES: usize = 8;

impl SampleSettings {
    /// The request for a prompt.
    pub fn request(&self, prompt: Prompt) -> Request {
        let sampling = Sampling {
            sampler: self.sampler(),
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
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
        };
        self.sampler.sampler(numbers, self.steps)
    }

    /// What can be said of the text's distribution.
    pub fn mark(&self) -> &'static str {
        let is_whole = self.temperature == 1.0 && self.top_k == 0 && self.top_p == 1.0;
        match (self.sampler, self.per_pass) {
            (SamplerKind::FirstHitting, _) | (SamplerKind::Random, 1) if is_whole => "exact",
            (SamplerKind::FirstHitting, _) | (SamplerKind::Random, 1) => {
                "exact, of a distribution narrowed below"
            }
            (SamplerKind::Ancestral, _) => "exact as the steps grow",
            (SamplerKind::LeftToRight | SamplerKind::Entropy | SamplerKind::Margin, 1) => {
                "a chain rule of its own"
            }
            _ => "faster, changes the distribution",
        }
    }

    /// The sampler with its number, and what else is unlike the default.
    pub fn summary(&self) -> String {
        let name = self.sampler.name();
        let number = match self.sampler.number() {
            SamplerNumber::Nothing => String::new(),
            SamplerNumber::Steps => format!(" {}", self.steps),
            SamplerNumber::Threshold => format!(" {}", self.threshold),
            SamplerNumber::EntropyBound => format!(" {}", self.entropy_bound),
            SamplerNumber::PerPass => format!(" {}", self.per_pass),
        };
        let block = self.block_size.map(|size| format!(" · block {size}")).unwrap_or_default();
        let mut words = format!("{name}{number}{block} · T {}", self.temperature);
        if self.top_p < 1.0 {
            words += &format!(" · p {}", self.top_p);
        }
        if self.top_k > 0 {
            words += &format!(" · k {}", self.top_k);
        }
        words + &format!(" · seed {}", self.seed)
    }
}

/// How fast steps follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Speed {
    /// A quarter.
    Quarter,
    /// Half.
    Half,
    /// Eight steps a second.
    #[default]
    Normal,
    /// Double.
    Double,
    /// Four times.
    Fourfold,
    /// As fast as the model is.
    Full,
}

impl Speed {
    /// All of them, rising.
    pub const ALL: [Speed; 6] =
        [Speed::Quarter, Speed::Half, Speed::Normal, Speed::Double, Speed::Fourfold, Speed::Full];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Speed::Quarter => "×¼",
            Speed::Half => "×½",
            Speed::Normal => "×1",
            Speed::Double => "×2",
            Speed::Fourfold => "×4",
            Speed::Full => "max",
        }
    }

    /// Seconds from step to step; none at full speed.
    pub fn secs(self) -> Option<f64> {
        let factor = match self {
            Speed::Quarter => 0.25,
            Speed::Half => 0.5,
            Speed::Normal => 1.0,
            Speed::Double => 2.0,
            Speed::Fourfold => 4.0,
            Speed::Full => return None,
        };
        Some(1.0 / (8.0 * factor))
    }
}

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThemeChoice {
    /// As the system is.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl ThemeChoice {
    /// The one that the button leads to.
    pub fn next(self) -> ThemeChoice {
        match self {
            ThemeChoice::System => ThemeChoice::Light,
            ThemeChoice::Light => ThemeChoice::Dark,
            ThemeChoice::Dark => ThemeChoice::System,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            ThemeChoice::System => "System theme",
            ThemeChoice::Light => "Light theme",
            ThemeChoice::Dark => "Dark theme",
        }
    }
}

/// All that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// The model's name, folder or hub id.
    pub model: String,
    /// Part of the adapter's name.
    pub adapter: Option<String>,
    /// The prompt.
    pub prompt: String,
    /// How the left and the right pane sample.
    pub panes: [SampleSettings; 2],
    /// How fast steps follow each other.
    pub speed: Speed,
    /// What grounds tell.
    pub color_by: ColorBy,
    /// Nothing glows or slides.
    pub reduce_motion: bool,
    /// Light or dark.
    pub theme: ThemeChoice,
}

impl Default for Preferences {
    fn default() -> Preferences {
        let right = SampleSettings { sampler: SamplerKind::Confidence, ..Default::default() };
        Preferences {
            model: bdlm::hub::DEFAULT_MODEL.into(),
            adapter: None,
            prompt: String::new(),
            panes: [SampleSettings::default(), right],
            speed: Speed::default(),
            color_by: ColorBy::default(),
            reduce_motion: false,
            theme: ThemeChoice::default(),
        }
    }
}
