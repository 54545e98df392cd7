//! How answers are made, kept from one start of the app to the next.

use bdlm::sample::SamplerKind;
use serde::{Deserialize, Serialize};

/// How fast steps follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChatSpeed {
    /// As fast as the model can.
    #[default]
    Full,
    /// Eight steps a second, to watch blocks being denoised.
    Watch,
}

impl ChatSpeed {
    /// Seconds between two steps; none at full speed.
    pub fn secs(self) -> Option<f64> {
        match self {
            ChatSpeed::Full => None,
            ChatSpeed::Watch => Some(1.0 / 8.0),
        }
    }
}

/// How answers are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatSettings {
    /// What the system says before the first turn; empty: as the template has it.
    pub system: String,
    /// Whether answers may begin with a thought; as the template has it if absent.
    pub thinking: Option<bool>,
    /// Thoughts are shown unless folded.
    pub show_thoughts: bool,
    /// Most tokens of an answer.
    pub tokens: usize,
    /// How cells open; as the model was published if absent.
    pub sampler: Option<SamplerKind>,
    /// Divides the logits; as the model was published if absent.
    pub temperature: Option<f32>,
    /// Seed of the random numbers.
    pub seed: u64,
    /// How fast steps follow each other.
    pub speed: ChatSpeed,
}

impl Default for ChatSettings {
    fn default() -> ChatSettings {
        ChatSettings {
            system: String::new(),
            thinking: None,
            show_thoughts: false,
            tokens: 512,
            sampler: None,
            temperature: None,
            seed: 1,
            speed: ChatSpeed::default(),
        }
    }
}

/// The family of a template, by the marks that it puts around turns.
pub fn template_name(template: &str) -> &'static str {
    let marks = [
        ("<|im_start|>", "ChatML"),
        ("<|start_header_id|>", "Llama 3"),
        ("<start_of_turn>", "Gemma"),
        ("[INST]", "Instruct"),
    ];
    let found = marks.iter().find(|(mark, _)| template.contains(mark));
    found.map_or("of its own form", |(_, name)| name)
}
