//! What a page asks for, as a plain object.

use bdlm::gpu::{DType, KernelFamily};
use bdlm::model::Spec;
use bdlm::sample::{Nucleus, Prompt, Request, SamplerKind, SamplerNumbers, Watch};
use serde::Deserialize;

/// How to load a model.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LoadRequest {
    /// How weights are held on the device; f16 if absent.
    pub weights: Option<DType>,
    /// Kernels to use instead of those that suit the adapter.
    pub kernels: Option<KernelFamily>,
    /// Another hub than huggingface.co.
    pub hub: Option<String>,
}

/// What to generate. What is absent is as the model was published.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GenerateRequest {
    prompt: Option<String>,
    prompt_ids: Option<Vec<u32>>,
    length: Option<usize>,
    new_tokens: Option<usize>,
    block_size: Option<usize>,
    /// By its name on the command line.
    sampler: Option<String>,
    steps: Option<usize>,
    per_pass: Option<usize>,
    threshold: Option<f32>,
    entropy_bound: Option<f32>,
    temperature: Option<f32>,
    top_k: Option<usize>,
    top_p: Option<f32>,
    nucleus: Option<Nucleus>,
    seed: Option<u64>,
    samples: Option<usize>,
    batch: Option<usize>,
    min_entropy: Option<f32>,
    stop: Vec<String>,
    /// Every step becomes an event, with so many candidates for each masked cell.
    candidates: Option<usize>,
}

impl GenerateRequest {
    /// The request for a model.
    ///
    /// # Errors
    /// In words, for a sampler that is not known, and settings that exclude each other.
    pub fn of_model(self, spec: &Spec) -> Result<Request, String> {
        let kind = match &self.sampler {
            Some(name) => sampler(name)?,
            None => SamplerKind::of_model(spec),
        };
        for (one, other, names) in [
            (self.prompt.is_some(), self.prompt_ids.is_some(), "prompt and promptIds"),
            (self.length.is_some(), self.new_tokens.is_some(), "length and newTokens"),
        ] {
            if one && other {
                return Err(format!("{names} exclude each other: give one of them"));
            }
        }
        let own = Request::of_model(spec);
        let mut request = Request {
            prompt: match (self.prompt_ids, self.prompt) {
                (Some(ids), _) => Prompt::Ids(ids),
                (None, text) => Prompt::Text(text.unwrap_or_default()),
            },
            length: self.length.unwrap_or(own.length.min(spec.window.max(2))),
            new_tokens: self.new_tokens,
            block_size: self.block_size,
            seed: self.seed.unwrap_or(own.seed),
            samples: self.samples.unwrap_or(own.samples),
            batch: self.batch.unwrap_or(own.batch),
            min_entropy: self.min_entropy.unwrap_or(own.min_entropy),
            stop: self.stop,
            watch: match self.candidates {
                Some(candidates) => Watch::Steps { candidates },
                None => Watch::Blocks,
            },
            ..own
        };
        let numbers = SamplerNumbers {
            steps: self.steps,
            per_pass: self.per_pass,
            threshold: self.threshold,
            entropy_bound: self.entropy_bound,
            ..SamplerNumbers::default()
        };
        let cells = request.n_cells(spec);
        let sampling = &mut request.sampling;
        sampling.sampler = kind.sampler(numbers, cells);
        sampling.temperature = self.temperature.unwrap_or(sampling.temperature);
        sampling.top_k = self.top_k.unwrap_or(sampling.top_k);
        sampling.top_p = self.top_p.unwrap_or(sampling.top_p);
        sampling.nucleus = self.nucleus.unwrap_or(sampling.nucleus);
        Ok(request)
    }
}

fn sampler(name: &str) -> Result<SamplerKind, String> {
    let found = SamplerKind::ALL.into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| {
        let names = SamplerKind::ALL.map(SamplerKind::name).join(", ");
        format!("there is no sampler `{name}`, expected one of {names}")
    })
}
