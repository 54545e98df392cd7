//! How a model was published to be sampled: what the window begins with.

use bdlm::model::Spec;
use bdlm::sample::{Nucleus, Request, SamplerKind, Sampling};
use serde::{Deserialize, Serialize};

/// A model's own choices.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choices {
    /// How cells open.
    pub sampler: SamplerKind,
    /// Divides the logits.
    pub temperature: f32,
    /// Tokens kept, 0 = all.
    pub top_k: usize,
    /// Part of the probability that is kept, 1 = all.
    pub top_p: f32,
    /// What becomes of the token that crosses it.
    pub nucleus: Nucleus,
    /// A text of less entropy is redrawn, in nats; 0 = never.
    pub min_entropy: f32,
}

impl Choices {
    /// Those of a model, as the command line takes them too.
    pub fn of_model(spec: &Spec) -> Choices {
        Choices::of(&Request::of_model(spec), SamplerKind::of_model(spec))
    }

    fn of(request: &Request, sampler: SamplerKind) -> Choices {
        let Request { min_entropy, sampling, .. } = *request;
        let Sampling { temperature, top_k, top_p, nucleus, .. } = sampling;
        Choices { sampler, temperature, top_k, top_p, nucleus, min_entropy }
    }
}

impl Default for Choices {
    fn default() -> Choices {
        Choices::of(&Request::default(), SamplerKind::default())
    }
}
