//! What to generate and how to sample, as arguments of every command that generates.

use bdlm::model::Config;
use bdlm::sample::{Request, Sampler, Sampling};
use clap::{Args, ValueEnum};

use crate::cli::usage;

/// What to generate.
#[derive(Args)]
pub struct RequestArgs {
    /// Tokens in the finished sequence, BOS and prompt included
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub length: usize,
    /// Tokens in a block [default: the checkpoint's]
    #[arg(long, value_name = "K")]
    pub block_size: Option<usize>,
    /// Samples that are written at the same time
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
    #[arg(long, value_enum, default_value = "first-hitting")]
    sampler: SamplerName,
    /// Steps per block, for ancestral [default: one per cell] and analytic [default: 1024]
    #[arg(long, value_name = "T")]
    steps: Option<usize>,
    /// Cells that open in a pass, for confidence, entropy, margin, left-to-right and random
    /// [default: 1]
    #[arg(long, value_name = "K")]
    per_pass: Option<usize>,
    /// Probability from which cells open, for threshold [default: 0.9]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    threshold: Option<f32>,
    /// Nats that the cells of a pass can depend on each other, for entropy-bounded [default: 0.1]
    #[arg(long, value_name = "NATS", allow_negative_numbers = true)]
    entropy_bound: Option<f32>,
    /// Redraw a sample whose last 256 tokens have an entropy below this, in nats; 0 = never
    #[arg(long, value_name = "NATS", default_value_t = 4.0, allow_negative_numbers = true)]
    min_entropy: f32,
}

/// How masked cells open.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SamplerName {
    /// One uniformly chosen cell per pass; exact
    FirstHitting,
    /// T steps, several cells may open at once; exact as T grows
    Ancestral,
    /// K uniformly chosen cells per pass; exact for K = 1
    Random,
    /// The K leftmost cells per pass; a chain rule for K = 1, changes the distribution for more
    LeftToRight,
    /// The K cells with the likeliest tokens per pass; changes the distribution
    Confidence,
    /// The K cells of lowest entropy per pass; a chain rule for K = 1, changes the distribution for more
    Entropy,
    /// The K cells whose two likeliest tokens differ most per pass; as entropy
    Margin,
    /// All cells whose token is likely enough; faster, changes the distribution
    Threshold,
    /// For score entropy checkpoints (SEDD), which take no other; T steps, exact as T grows
    Analytic,
    /// Cells that hardly depend on each other; faster, changes the distribution by a bound
    EntropyBounded,
}

impl SamplerName {
    /// The sampler, its number of cells per pass 1 and its other options at their defaults unless
    /// given.
    pub fn sampler(self, options: SamplerOptions, n_cells: usize) -> Sampler {
        let per_pass = options.per_pass.unwrap_or(1);
        match self {
            SamplerName::FirstHitting => Sampler::FirstHitting,
            SamplerName::Ancestral => {
                Sampler::Ancestral { steps: options.steps.unwrap_or(n_cells) }
            }
            SamplerName::Analytic => {
                Sampler::Analytic { steps: options.steps.unwrap_or(DEFAULT_STEPS) }
            }
            SamplerName::Random => Sampler::Random { per_pass },
            SamplerName::LeftToRight => Sampler::LeftToRight { per_pass },
            SamplerName::Confidence => Sampler::Confidence { per_pass },
            SamplerName::Entropy => Sampler::Entropy { per_pass },
            SamplerName::Margin => Sampler::Margin { per_pass },
            SamplerName::Threshold => {
                Sampler::Threshold { confidence: options.threshold.unwrap_or(0.9) }
            }
            SamplerName::EntropyBounded => {
                Sampler::EntropyBounded { bound: options.entropy_bound.unwrap_or(0.1) }
            }
        }
    }

    /// Names of the options that it takes no notice of, among those that are given.
    pub fn ignored(self, options: SamplerOptions) -> Vec<&'static str> {
        let is_counted = !matches!(
            self,
            SamplerName::FirstHitting
                | SamplerName::Ancestral
                | SamplerName::Analytic
                | SamplerName::Threshold
                | SamplerName::EntropyBounded
        );
        let takes_steps = matches!(self, SamplerName::Ancestral | SamplerName::Analytic);
        let given = [
            ("--steps", options.steps.is_some(), takes_steps),
            ("--per-pass", options.per_pass.is_some(), is_counted),
            ("--threshold", options.threshold.is_some(), self == SamplerName::Threshold),
            (
                "--entropy-bound",
                options.entropy_bound.is_some(),
                self == SamplerName::EntropyBounded,
            ),
        ];
        given.iter().filter(|(_, given, taken)| *given && !taken).map(|(name, ..)| *name).collect()
    }
}

/// Steps of the analytic sampler.
const DEFAULT_STEPS: usize = 1024;

/// What samplers can be told.
#[derive(Clone, Copy, Default)]
pub struct SamplerOptions {
    /// Steps per block.
    pub steps: Option<usize>,
    /// Cells that open in a pass.
    pub per_pass: Option<usize>,
    /// Probability, 0 to 1.
    pub threshold: Option<f32>,
    /// Nats.
    pub entropy_bound: Option<f32>,
}

impl RequestArgs {
    /// Ends with a usage error for options that do not go together.
    pub fn check(&self, command: &[&str]) {
        let sampler = self.sampling.sampler;
        if let Some(option) = sampler.ignored(self.sampling.options()).first() {
            let name = sampler.to_possible_value();
            let name = name.as_ref().map_or("", |name| name.get_name());
            usage(command, &format!("{option} is for other samplers than {name}; see --help"));
        }
    }

    /// The request for so many samples of a model.
    pub fn request(&self, samples: usize, config: &Config) -> Request {
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
        let sampling = self.sampling.sampling(request.n_cells(config));
        Request { sampling, ..request }
    }
}

impl SamplingArgs {
    fn options(&self) -> SamplerOptions {
        let SamplingArgs { steps, per_pass, threshold, entropy_bound, .. } = *self;
        SamplerOptions { steps, per_pass, threshold, entropy_bound }
    }

    fn sampling(&self, n_cells: usize) -> Sampling {
        let SamplingArgs { temperature, top_k, top_p, sampler, .. } = *self;
        let sampler = sampler.sampler(self.options(), n_cells);
        Sampling { sampler, temperature, top_k, top_p }
    }
}
