//! `bdlm eval genppl`.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use bdlm::eval::{GenerativeReport, ScoredSample};
use bdlm::hub::ModelDigests;
use bdlm::sample::{Engine, Request};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::device::{DeviceArgs, WeightArgs};
use crate::cli::eval::journal::{Journal, JournalArgs};
use crate::cli::eval::present::{MadeBy, ReportFormat, csv, flat, lines, print, with_made_by};
use crate::cli::eval::samples::{Judge, Sample, Tokens, generate, read_samples};
use crate::cli::files::shown;
use crate::cli::model::ModelArgs;
use crate::cli::output::Output;
use crate::cli::print::note;
use crate::cli::process::Interrupted;
use crate::cli::request::RequestArgs;

/// Generative perplexity: how likely samples are under another model, and their entropy.
///
/// Low perplexity with low entropy is repetition: read the two together.
#[derive(Args)]
#[command(after_help = "Examples:
  bdlm generate --samples 64 --batch 8 --format jsonl --output samples.jsonl
  bdlm eval genppl --samples samples.jsonl --scorer gpt2-large
  bdlm eval genppl --generate 16 --top-p 0.9 --scorer tales --format json")]
pub struct Genppl {
    /// Model that scores: gpt2, gpt2-medium, gpt2-large, gpt2-xl, a folder or a hub id; a block
    /// diffusion model scores at block size 1
    #[arg(long, value_name = "NAME|DIR|HUB_ID", default_value = "gpt2-large")]
    scorer: String,
    /// Samples: a file of `bdlm generate --format jsonl`, or of JSON objects with a `text`
    #[arg(long, value_name = "FILE", required_unless_present = "generate")]
    samples: Option<PathBuf>,
    /// Generate N samples with --model, and score them
    #[arg(long, value_name = "N", conflicts_with = "samples")]
    generate: Option<usize>,
    /// Score the samples' own ids, not the ids that the scorer's tokenizer makes of their text
    #[arg(long)]
    no_retokenize: bool,
    /// Score texts without an end of text before them, as SSD-LM's were [default where one generates]
    #[arg(long)]
    no_opening: bool,
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
    journal: JournalArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// What makes a report.
#[derive(Serialize)]
struct Settings {
    scorer: String,
    scorer_files: ModelDigests,
    weights: WeightArgs,
    tokens: Tokens,
    /// Whether texts are scored without an end of text before them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    no_opening: bool,
    /// File of the samples, or the model that makes them.
    source: String,
    samples_sha256: Option<String>,
    generator_files: Option<ModelDigests>,
    count: usize,
    request: Option<Request>,
}

/// A line of a journal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Generated(Sample),
    /// Of the samples in order, once all are there.
    Scored(ScoredSample),
}

impl Genppl {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        self.request.check(&["eval", "genppl"])?;
        ensure!(self.generate != Some(0), "generate is 0, expected at least 1 sample");
        let read = self.samples.as_deref().map(read_samples).transpose()?;
        let per_sample = self.per_sample.as_deref().map(Output::create).transpose()?;
        let tokens = if self.no_retokenize { Tokens::AsTheyAre } else { Tokens::OfText };
        let gpu = self.device.request()?;
        let mut judge = Judge::load(&self.scorer, tokens, &gpu, self.device.weights)?;
        let source = match read {
            Some((samples, sha256)) => Source::File(samples, sha256),
            None => {
                let (weights, block_size) = (self.device.weights, self.request.block_size);
                let (engine, digests) = self.model.load_known(&gpu, weights, block_size, true)?;
                let count = self.generate.unwrap_or_default();
                let request =
                    self.request.request(count, engine.network().spec(), &["eval", "genppl"])?;
                Source::Model(Box::new(engine), digests, Box::new(request))
            }
        };
        judge.opens &= !self.no_opening && !source.is_simplex();
        let settings = self.settings(tokens, &judge, &source);
        let (mut journal, lines) = self.journal.open("eval genppl", &settings)?;
        let (made, mut scored) = parted(lines);
        let (samples, is_whole) = match source {
            Source::File(samples, _) => (samples, true),
            Source::Model(engine, _, request) => complete(&engine, *request, made, &mut journal)?,
        };
        if samples.is_empty() {
            return Err(Interrupted.into());
        }
        if !is_whole {
            note(&format!("interrupted: scoring the {} samples that are finished", samples.len()));
        }
        let from = scored.len();
        let all_scored = judge.score(&samples, from, |score| {
            // A sample that is still to come may belong before this one.
            if is_whole {
                journal.push(&Line::Scored(score.clone()))?;
            }
            scored.push(score);
            Ok(())
        })?;
        if scored.is_empty() {
            return Err(Interrupted.into());
        }
        let report = GenerativeReport::new(&judge.name, &scored)?;
        self.print(&report, &settings, &MadeBy::new(&gpu))?;
        if let Some(output) = per_sample {
            output.write(&lines_of(&scored)?)?;
        }
        if all_scored && is_whole {
            return Ok(());
        }
        let (done, advice) = (scored.len(), self.journal.advice());
        note(&format!("interrupted: the report covers {done} samples; {advice}"));
        Err(Interrupted.into())
    }

    fn settings(&self, tokens: Tokens, judge: &Judge, source: &Source) -> Settings {
        let settings = Settings {
            scorer: self.scorer.clone(),
            scorer_files: judge.digests.clone(),
            weights: self.device.weights,
            tokens,
            no_opening: !judge.opens,
            source: self.model.model.clone(),
            samples_sha256: None,
            generator_files: None,
            count: 0,
            request: None,
        };
        match source {
            Source::File(samples, sha256) => Settings {
                source: shown(self.samples.as_deref().unwrap_or(Path::new(""))),
                samples_sha256: Some(sha256.clone()),
                count: samples.len(),
                ..settings
            },
            Source::Model(_, digests, request) => Settings {
                generator_files: Some(digests.clone()),
                count: request.samples,
                request: Some(Request::clone(request)),
                ..settings
            },
        }
    }

    /// Prints the report; JSON and CSV also say of what it is, and what computed it.
    fn print(
        &self,
        report: &GenerativeReport,
        settings: &Settings,
        made_by: &MadeBy,
    ) -> Result<()> {
        let mut all = serde_json::to_value(report)?;
        if let (Value::Object(all), Value::Object(settings)) =
            (&mut all, with_made_by(settings, Some(made_by))?)
        {
            all.extend(settings);
        }
        print(&match self.format {
            ReportFormat::Text => text(report),
            ReportFormat::Json => serde_json::to_string_pretty(&all)? + "\n",
            ReportFormat::Csv => csv(&flat(&all)),
        })
    }
}

/// A JSON line for each sample.
fn lines_of(scored: &[ScoredSample]) -> Result<Vec<u8>> {
    let mut lines = Vec::new();
    for sample in scored {
        serde_json::to_writer(&mut lines, sample)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Where samples come from.
enum Source {
    /// With the file's digest.
    File(Vec<Sample>, String),
    /// With its files.
    Model(Box<Engine>, ModelDigests, Box<Request>),
}

impl Source {
    /// True for samples that a simplex model makes.
    fn is_simplex(&self) -> bool {
        match self {
            Source::Model(engine, ..) => engine.network().spec().has_simplex(),
            Source::File(..) => false,
        }
    }
}

fn parted(lines: Vec<Line>) -> (Vec<Sample>, Vec<ScoredSample>) {
    let (mut made, mut scored) = (Vec::new(), Vec::new());
    for line in lines {
        match line {
            Line::Generated(sample) => made.push(sample),
            Line::Scored(sample) => scored.push(sample),
        }
    }
    (made, scored)
}

/// Generates what is missing of a request's samples, from the first missing one on; returns all in
/// order, and false if Ctrl-C came before the last.
fn complete(
    engine: &Engine,
    request: Request,
    mut made: Vec<Sample>,
    journal: &mut Journal,
) -> Result<(Vec<Sample>, bool)> {
    let is_made = |made: &[Sample], i: usize| made.iter().any(|sample| sample.index() == Some(i));
    let first = (0..request.samples).find(|&i| !is_made(&made, i)).unwrap_or(request.samples);
    let missing = request.samples - first;
    let mut is_whole = true;
    if missing > 0 {
        let request = Request { first_sample: first, samples: missing, ..request };
        is_whole = generate(engine, request, |sample| {
            if !sample.index().is_some_and(|i| is_made(&made, i)) {
                journal.push(&Line::Generated(sample.clone()))?;
                made.push(sample);
            }
            Ok(())
        })?;
    }
    made.sort_by_key(Sample::index);
    Ok((made, is_whole))
}

fn text(report: &GenerativeReport) -> String {
    let lengths = report.lengths;
    let unscored = match report.unscored {
        0 => String::new(),
        n => format!(", {n} more unscored (without a token to score)"),
    };
    let mean = |mean: Option<f64>, std: Option<f64>| match (mean, std) {
        (Some(mean), Some(std)) => format!("{mean:.1} ± {std:.1}"),
        _ => "unknown".into(),
    };
    lines(&[
        ("scorer", report.scorer.clone()),
        ("samples", format!("{}{unscored}", report.samples)),
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
