//! `bdlm eval genppl`.

use std::path::PathBuf;

use anyhow::Result;
use bdlm::eval::GenerativeReport;
use clap::Args;

use crate::cli::eval::present::{ReportFormat, csv, flat, print, rows};
use crate::cli::eval::samples::{Generated, Judge, Tokens, generate, read_samples};
use crate::cli::files::Output;
use crate::cli::model::{DeviceArgs, ModelArgs};
use crate::cli::request::RequestArgs;
use crate::cli::{Interrupted, note};

/// Generative perplexity: how likely samples are under another model, and their entropy.
///
/// Low perplexity with low entropy is repetition: read the two together.
#[derive(Args)]
#[command(after_help = "Examples:
  bdlm generate --samples 64 --batch 8 --format jsonl > samples.jsonl
  bdlm eval genppl --samples samples.jsonl --scorer gpt2-large
  bdlm eval genppl --generate 16 --top-p 0.9 --scorer tales --format json")]
pub struct Genppl {
    /// Model that scores: gpt2, gpt2-medium, gpt2-large, gpt2-xl, a folder or a hub id; a block
    /// diffusion model scores at block size 1
    #[arg(long, value_name = "NAME|DIR|HUB_ID", default_value = "gpt2-large")]
    scorer: String,
    /// Samples, lines of `bdlm generate --format jsonl`
    #[arg(long, value_name = "FILE", required_unless_present = "generate")]
    samples: Option<PathBuf>,
    /// Generate so many samples with --model and score them
    #[arg(long, value_name = "N", conflicts_with = "samples")]
    generate: Option<usize>,
    /// Score the samples' ids as they are, instead of what the scorer's tokenizer makes of their
    /// text
    #[arg(long)]
    no_retokenize: bool,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    request: RequestArgs,
    /// How to print the report
    #[arg(long, value_enum, default_value = "text", help_heading = "Output")]
    format: ReportFormat,
    /// Write a JSON line for each sample to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    per_sample: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

impl Genppl {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        self.request.check(&["eval", "genppl"]);
        let read = self.samples.as_deref().map(read_samples).transpose()?;
        let per_sample = self.per_sample.as_deref().map(Output::create).transpose()?;
        let tokens = if self.no_retokenize { Tokens::AsTheyAre } else { Tokens::OfText };
        let gpu = self.device.request()?;
        let mut judge = Judge::load(&self.scorer, tokens, &gpu, self.device.weights)?;
        let Generated { samples, is_cut } = match read {
            Some(samples) => Generated { samples, is_cut: false },
            None => {
                let engine = self.model.load(&gpu, self.device.weights)?;
                let count = self.generate.unwrap_or_default();
                generate(&engine, self.request.request(count, engine.dit().config()))?
            }
        };
        if is_cut && samples.is_empty() {
            return Err(Interrupted.into());
        }
        if is_cut {
            note(&format!("interrupted: scoring the {} samples that are finished", samples.len()));
        }
        let scored = judge.score(&samples)?;
        let report = GenerativeReport::new(&judge.name, &scored)?;
        if let Some(output) = per_sample {
            let mut lines = Vec::new();
            for sample in &scored {
                serde_json::to_writer(&mut lines, sample)?;
                lines.push(b'\n');
            }
            output.write(&lines)?;
        }
        let report = match self.format {
            ReportFormat::Text => text(&report),
            ReportFormat::Json => serde_json::to_string_pretty(&report)? + "\n",
            ReportFormat::Csv => csv(&flat(&serde_json::to_value(&report)?)),
        };
        print(&report)?;
        if is_cut { Err(Interrupted.into()) } else { Ok(()) }
    }
}

fn text(report: &GenerativeReport) -> String {
    let lengths = report.lengths;
    let mean = |mean: Option<f64>, std: Option<f64>| match (mean, std) {
        (Some(mean), Some(std)) => format!("{mean:.1} ± {std:.1}"),
        _ => "unknown".into(),
    };
    rows(&[
        ("scorer", report.scorer.clone()),
        ("samples", report.samples.to_string()),
        ("gen-perplexity", format!("{:.2} ± {:.2}", report.gen_ppl, report.gen_ppl_std)),
        ("entropy", format!("{:.3} ± {:.3} nats", report.entropy, report.entropy_std)),
        (
            "length",
            format!(
                "{:.1} ± {:.1} tokens ({} to {}, median {})",
                lengths.mean, lengths.std, lengths.min, lengths.max, lengths.median
            ),
        ),
        ("evaluations", mean(report.nfe, report.nfe_std)),
        ("passes", mean(report.passes, report.passes_std)),
    ])
}
