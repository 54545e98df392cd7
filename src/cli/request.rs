//! What to generate and how to sample, as arguments of every command that generates.

use anyhow::Result;
use bdlm::model::Spec;
use bdlm::sample::{Request, SamplerKind, SamplerNumber, SamplerNumbers, Sampling};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::cli::usage::WrongUsage;

/// What to generate.
#[derive(Args)]
pub struct RequestArgs {
    /// Tokens in the finished sequence, BOS and prompt included
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub length: usize,
    /// Tokens in a block [default: the checkpoint's]
    #[arg(long, value_name = "K")]
    pub block_size: Option<usize>,
    /// Samples that are generated at the same time
    #[arg(long, value_name = "B", default_value_t = 1)]
    pub batch: usize,
    /// The same seed gives the same text
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// End a text at the second end-of-text token, or when it falls into repetition
    #[arg(long)]
    pub variable_length: bool,
    #[command(flatten)]
    sampling: SamplingArgs,
}

#[derive(Args)]
#[command(next_help_heading = "Sampling")]
struct SamplingArgs {
    /// Divides the logits; 0 takes the likeliest token
    #[arg(long, value_name = "T", default_value_t = 1.0, allow_negative_numbers = true)]
    temperature: f32,
    /// Draw from the K likeliest tokens [default: all]
    #[arg(long, value_name = "K", default_value_t = 0, hide_default_value = true)]
    top_k: usize,
    /// Draw from the likeliest tokens whose probabilities sum to at most P
    #[arg(long, value_name = "P", default_value_t = 1.0, allow_negative_numbers = true)]
    top_p: f32,
    /// How masked cells open
    #[arg(long, value_parser = sampler_kind(), default_value = "first-hitting")]
    sampler: SamplerKind,
    /// Steps per block, for ancestral [default: one per cell] and analytic [default: 1024]
    #[arg(long, value_name = "T")]
    steps: Option<usize>,
    /// Cells that open in a pass, for confidence, entropy, margin, left-to-right and random
    /// [default: 1]
    #[arg(long, value_name = "K")]
    per_pass: Option<usize>,
    /// Least probability of a token for its cell to open, for threshold [default: 0.9]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    threshold: Option<f32>,
    /// Bound in nats on how much the cells of a pass depend on each other, for entropy-bounded
    /// [default: 0.1]
    #[arg(long, value_name = "NATS", allow_negative_numbers = true)]
    entropy_bound: Option<f32>,
    /// Redraw a sample whose last 256 tokens have an entropy below this, in nats; 0 = never
    #[arg(long, value_name = "NATS", default_value_t = 4.0, allow_negative_numbers = true)]
    min_entropy: f32,
}

/// Reads the name of a sampler; the help says what each does.
pub fn sampler_kind() -> impl TypedValueParser<Value = SamplerKind> {
    let value = |kind: SamplerKind| PossibleValue::new(kind.name()).help(kind.description());
    PossibleValuesParser::new(SamplerKind::ALL.map(value)).map(|name| {
        let named = SamplerKind::ALL.into_iter().find(|kind| kind.name() == name);
        named.unwrap_or_default()
    })
}

/// The options among those given that a sampler does not use.
pub fn ignored(kind: SamplerKind, numbers: SamplerNumbers) -> Vec<&'static str> {
    let given = [
        ("--steps", numbers.steps.is_some(), SamplerNumber::Steps),
        ("--per-pass", numbers.per_pass.is_some(), SamplerNumber::PerPass),
        ("--threshold", numbers.threshold.is_some(), SamplerNumber::Threshold),
        ("--entropy-bound", numbers.entropy_bound.is_some(), SamplerNumber::EntropyBound),
    ];
    let is_ignored = |(_, is_given, number): &(_, bool, _)| *is_given && *number != kind.number();
    given.into_iter().filter(is_ignored).map(|(name, ..)| name).collect()
}

impl RequestArgs {
    /// Refuses options that the sampler does not use.
    pub fn check(&self, subcommand: &'static [&'static str]) -> Result<()> {
        let sampler = self.sampling.sampler;
        if let Some(option) = ignored(sampler, self.sampling.numbers()).first() {
            let name = sampler.name();
            let words = format!("{option} is for other samplers than {name}; see --help");
            return Err(WrongUsage { subcommand, words }.into());
        }
        Ok(())
    }

    /// The request for this number of samples of a model.
    pub fn request(&self, samples: usize, spec: &Spec) -> Request {
        let request = Request {
            length: self.length,
            block_size: self.block_size,
            samples,
            batch: self.batch,
            seed: self.seed,
            variable_length: self.variable_length,
            min_entropy: self.sampling.min_entropy,
            ..Request::default()
        };
        let sampling = self.sampling.sampling(request.n_cells(spec));
        Request { sampling, ..request }
    }
}

impl SamplingArgs {
    fn numbers(&self) -> SamplerNumbers {
        let SamplingArgs { steps, per_pass, threshold, entropy_bound, .. } = *self;
        SamplerNumbers { steps, per_pass, threshold, entropy_bound }
    }

    fn sampling(&self, n_cells: usize) -> Sampling {
        let SamplingArgs { temperature, top_k, top_p, sampler, .. } = *self;
        let sampler = sampler.sampler(self.numbers(), n_cells);
        Sampling { sampler, temperature, top_k, top_p }
    }
}
