//! What a sweep combines: every value of each option with every value of the others.

use anyhow::Result;
use bdlm::model::Spec;
use bdlm::sample::{SamplerKind, SamplerNumbers, Sampling};
use clap::Args;

use crate::cli::request::{ignored, sampler_kind};
use crate::cli::usage::WrongUsage;

/// What is combined.
#[derive(Args)]
#[command(next_help_heading = "Combinations")]
pub struct GridArgs {
    /// Tokens in a block [default: the checkpoint's]
    #[arg(long, value_name = "K", value_delimiter = ',')]
    block_size: Vec<usize>,
    /// How masked cells open
    #[arg(long, value_parser = sampler_kind(), value_delimiter = ',', default_value = "first-hitting")]
    sampler: Vec<SamplerKind>,
    /// Steps per block, for ancestral and analytic
    #[arg(long, value_name = "T", value_delimiter = ',')]
    steps: Vec<usize>,
    /// Cells that open in a pass, for confidence, entropy, margin, left-to-right and random
    #[arg(long, value_name = "K", value_delimiter = ',')]
    per_pass: Vec<usize>,
    /// Least probabilities of a token for its cell to open, for threshold
    #[arg(long, value_name = "P", value_delimiter = ',')]
    threshold: Vec<f32>,
    /// Bounds in nats on how much the cells of a pass depend on each other, for entropy-bounded
    #[arg(long, value_name = "NATS", value_delimiter = ',')]
    entropy_bound: Vec<f32>,
    /// Divides the logits
    #[arg(long, value_name = "T", value_delimiter = ',', default_value = "1")]
    temperature: Vec<f64>,
    /// Draw from the likeliest tokens whose probabilities sum to at most P
    #[arg(long, value_name = "P", value_delimiter = ',', default_value = "1")]
    top_p: Vec<f64>,
}

/// One combination.
#[derive(Clone, Copy)]
pub struct Combination {
    /// Tokens of a block.
    pub block_size: Option<usize>,
    kind: SamplerKind,
    numbers: SamplerNumbers,
    /// Divides the logits.
    pub temperature: f64,
    /// Nucleus.
    pub top_p: f64,
}

impl GridArgs {
    /// Refuses options that none of the samplers uses.
    pub fn check(&self) -> Result<()> {
        let all = SamplerNumbers {
            steps: self.steps.first().copied(),
            per_pass: self.per_pass.first().copied(),
            threshold: self.threshold.first().copied(),
            entropy_bound: self.entropy_bound.first().copied(),
            ..SamplerNumbers::default()
        };
        let mut by_each = self.sampler.iter().map(|&kind| ignored(kind, all));
        let first = by_each.next().unwrap_or_default();
        let by_all = by_each.fold(first, |by_all, by_one| {
            by_all.into_iter().filter(|option| by_one.contains(option)).collect()
        });
        if let Some(option) = by_all.first() {
            let words = format!("{option} is for other samplers; see --help");
            return Err(WrongUsage { subcommand: &["eval", "sweep"], words }.into());
        }
        Ok(())
    }

    /// The block size that a model is loaded with.
    pub fn first_block_size(&self) -> Option<usize> {
        self.block_size.first().copied()
    }

    /// Every combination, the block size changing slowest.
    pub fn combinations(&self, spec: &Spec) -> Vec<Combination> {
        let own = spec.block_size();
        let given: Vec<_> = self.block_size.iter().copied().map(Some).collect();
        let sizes = if given.is_empty() { vec![own] } else { given };
        let mut all = Vec::new();
        for block_size in sizes {
            for (kind, numbers) in self.samplers() {
                for &temperature in &self.temperature {
                    let with =
                        |&top_p| Combination { block_size, kind, numbers, temperature, top_p };
                    all.extend(self.top_p.iter().map(with));
                }
            }
        }
        all
    }

    /// Each sampler with each of its own options.
    fn samplers(&self) -> Vec<(SamplerKind, SamplerNumbers)> {
        let none = SamplerNumbers::default();
        let each = |kind: &SamplerKind| {
            let steps = self.steps.iter().map(|&n| SamplerNumbers { steps: Some(n), ..none });
            let counts =
                self.per_pass.iter().map(|&n| SamplerNumbers { per_pass: Some(n), ..none });
            let thresholds =
                self.threshold.iter().map(|&p| SamplerNumbers { threshold: Some(p), ..none });
            let bounds = self
                .entropy_bound
                .iter()
                .map(|&b| SamplerNumbers { entropy_bound: Some(b), ..none });
            let given = steps.chain(counts).chain(thresholds).chain(bounds);
            let mut taken: Vec<_> =
                given.filter(|numbers| ignored(*kind, *numbers).is_empty()).collect();
            if taken.is_empty() {
                taken.push(none);
            }
            taken.into_iter().map(|numbers| (*kind, numbers)).collect::<Vec<_>>()
        };
        self.sampler.iter().flat_map(each).collect()
    }
}

impl Combination {
    /// How to sample a model of this number of cells.
    pub fn sampling(&self, n_cells: usize) -> Sampling {
        let Combination { kind, numbers, temperature, top_p, .. } = *self;
        let sampler = kind.sampler(numbers, n_cells);
        Sampling {
            sampler,
            temperature: temperature as f32,
            top_p: top_p as f32,
            ..Sampling::default()
        }
    }

    /// The sampler with its number, such as `threshold 0.9`.
    pub fn sampler_words(&self) -> String {
        let name = self.kind.name();
        let SamplerNumbers { steps, per_pass, threshold, entropy_bound, .. } = self.numbers;
        let count = steps.or(per_pass).map(|n| n.to_string());
        let number = count.or(threshold.or(entropy_bound).map(|x| x.to_string()));
        number.map_or(name.into(), |number| format!("{name} {number}"))
    }

    /// All of it, in words.
    pub fn describe(&self) -> String {
        let sampler = self.sampler_words();
        let block = self.block_size.map(|size| format!("block {size}, ")).unwrap_or_default();
        format!("{block}{sampler}, temperature {}, top-p {}", self.temperature, self.top_p)
    }
}
