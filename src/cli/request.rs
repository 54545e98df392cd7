//! What to generate and how to sample, as arguments of every command that generates.

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
    /// Steps per block of the ancestral sampler [default: the block size]
    #[arg(long, value_name = "T")]
    steps: Option<usize>,
    /// Redraw a sample whose last 256 tokens have an entropy below this, in nats; 0 = never
    #[arg(long, value_name = "NATS", default_value_t = 4.0, allow_negative_numbers = true)]
    min_entropy: f32,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum SamplerName {
    /// One cell per pass; exact
    FirstHitting,
    /// T steps; several cells may open at once
    Ancestral,
}

impl RequestArgs {
    /// Ends with a usage error for options that do not go together.
    pub fn check(&self, command: &[&str]) {
        if self.sampling.sampler == SamplerName::FirstHitting && self.sampling.steps.is_some() {
            let words =
                "--steps is for --sampler ancestral; first-hitting takes one step per token";
            usage(command, words);
        }
    }

    /// The request for so many samples, given the checkpoint's block size.
    pub fn request(&self, samples: usize, block_size: usize) -> Request {
        Request {
            length: self.length,
            block_size: self.block_size,
            samples,
            batch: self.batch,
            seed: self.seed,
            sampling: self.sampling.sampling(self.block_size.unwrap_or(block_size)),
            variable_length: self.variable_length,
            min_entropy: self.sampling.min_entropy,
            ..Request::default()
        }
    }
}

impl SamplingArgs {
    fn sampling(&self, block_size: usize) -> Sampling {
        let SamplingArgs { temperature, top_k, top_p, sampler, steps, .. } = *self;
        let sampler = match sampler {
            SamplerName::FirstHitting => Sampler::FirstHitting,
            SamplerName::Ancestral => Sampler::Ancestral { steps: steps.unwrap_or(block_size) },
        };
        Sampling { sampler, temperature, top_k, top_p }
    }
}
