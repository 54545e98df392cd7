//! `bdlm eval sweep`.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use bdlm::eval::GenerativeReport;
use bdlm::model::{Config, Family};
use bdlm::sample::{Engine, Request, Sampling};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::cli::eval::plot::{Panel, Series, png};
use crate::cli::eval::present::csv_lines;
use crate::cli::eval::samples::{Generated, Judge, Tokens, generate};
use crate::cli::files::Output;
use crate::cli::model::{DeviceArgs, ModelArgs};
use crate::cli::request::{SamplerName, SamplerOptions};
use crate::cli::{Interrupted, note, usage};

/// Sample with every combination of options, score, and show quality against cost.
///
/// Options take lists, such as `--block-size 4,8,16`. A row of CSV goes to stdout as soon as it is
/// known.
#[derive(Args)]
#[command(after_help = "Examples:
  bdlm eval sweep --scorer tales --block-size 4,8 --top-p 0.9,1 --plot sweep.png > sweep.csv
  bdlm eval sweep --sampler threshold --threshold 0.5,0.7,0.9 --samples 32 --batch 8")]
pub struct Sweep {
    #[command(flatten)]
    model: ModelArgs,
    /// Model that scores, as in `bdlm eval genppl`
    #[arg(long, value_name = "NAME|DIR|HUB_ID", default_value = "gpt2-large")]
    scorer: String,
    /// Samples for each combination
    #[arg(long, value_name = "N", default_value_t = 8)]
    samples: usize,
    /// Tokens in the finished sequence, BOS included
    #[arg(long, value_name = "N", default_value_t = 256)]
    length: usize,
    /// Samples that are written at the same time
    #[arg(long, value_name = "B", default_value_t = 1)]
    batch: usize,
    /// The same seed gives the same samples
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    grid: GridArgs,
    /// Draw gen-perplexity and entropy against evaluations and seconds
    #[arg(long, value_name = "PNG", help_heading = "Output")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

/// What is combined.
#[derive(Args)]
#[command(next_help_heading = "Combinations")]
struct GridArgs {
    /// Tokens in a block [default: the checkpoint's]
    #[arg(long, value_name = "K", value_delimiter = ',')]
    block_size: Vec<usize>,
    /// How masked cells open
    #[arg(long, value_enum, value_delimiter = ',', default_value = "first-hitting")]
    sampler: Vec<SamplerName>,
    /// Steps per block, for ancestral
    #[arg(long, value_name = "T", value_delimiter = ',')]
    steps: Vec<usize>,
    /// Cells that open in a pass, for samplers that count them
    #[arg(long, value_name = "K", value_delimiter = ',')]
    per_pass: Vec<usize>,
    /// Probabilities, for threshold
    #[arg(long, value_name = "P", value_delimiter = ',')]
    threshold: Vec<f32>,
    /// Nats, for entropy-bounded
    #[arg(long, value_name = "NATS", value_delimiter = ',')]
    entropy_bound: Vec<f32>,
    /// Divides the logits
    #[arg(long, value_name = "T", value_delimiter = ',', default_value = "1")]
    temperature: Vec<f64>,
    /// Nucleus
    #[arg(long, value_name = "P", value_delimiter = ',', default_value = "1")]
    top_p: Vec<f64>,
}

/// One combination.
#[derive(Clone, Copy)]
struct Combination {
    block_size: Option<usize>,
    name: SamplerName,
    options: SamplerOptions,
    temperature: f64,
    top_p: f64,
}

/// One row of the result.
#[derive(Serialize)]
struct SweepRow {
    block_size: Option<usize>,
    sampler: String,
    temperature: f64,
    top_p: f64,
    samples: usize,
    gen_ppl: f64,
    gen_ppl_std: f64,
    entropy: f64,
    length: f64,
    nfe: Option<f64>,
    passes: Option<f64>,
    secs: f64,
}

impl Sweep {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        self.grid.check();
        let plot = self.plot.as_deref().map(Output::create).transpose()?;
        let gpu = self.device.request()?;
        let mut judge = Judge::load(&self.scorer, Tokens::OfText, &gpu, self.device.weights)?;
        let engine = self.model.load(&gpu, self.device.weights)?;
        let combinations = self.grid.combinations(engine.dit().config());
        let mut rows: Vec<SweepRow> = Vec::with_capacity(combinations.len());
        for (i, combination) in combinations.iter().enumerate() {
            if io::stderr().is_terminal() {
                note(&format!("{} of {}: {}", i + 1, combinations.len(), combination.describe()));
            }
            let row = match self.measure(&engine, &mut judge, *combination) {
                Err(e) if e.is::<Interrupted>() => break,
                row => row?,
            };
            let lines = csv_lines(&serde_json::to_value(&row)?);
            let mut out = io::stdout().lock();
            if i == 0 {
                writeln!(out, "{}", lines[0])?;
            }
            writeln!(out, "{}", lines[1])?;
            out.flush()?;
            rows.push(row);
        }
        if rows.is_empty() {
            return Err(Interrupted.into());
        }
        if let Some(plot) = plot {
            plot.write(&png(&panels(&rows))?)?;
        }
        if rows.len() < combinations.len() { Err(Interrupted.into()) } else { Ok(()) }
    }

    fn measure(
        &self,
        engine: &Engine,
        judge: &mut Judge,
        combination: Combination,
    ) -> Result<SweepRow> {
        let Combination { block_size, temperature, top_p, .. } = combination;
        let request = Request {
            length: self.length,
            block_size,
            samples: self.samples,
            batch: self.batch,
            seed: self.seed,
            ..Request::default()
        };
        let sampling = combination.sampling(request.n_cells(engine.dit().config()));
        let request = Request { sampling, ..request };
        // The first run of a shape compiles its kernels: that is not what is timed.
        let length = (2 * block_size.unwrap_or(1)).min(self.length);
        let warm_up = Request { length, samples: self.batch, ..request.clone() };
        if generate(engine, warm_up)?.is_cut {
            return Err(Interrupted.into());
        }
        let started = Instant::now();
        let Generated { samples, is_cut } = generate(engine, request)?;
        if is_cut {
            return Err(Interrupted.into());
        }
        let secs = started.elapsed().as_secs_f64() / self.samples.max(1) as f64;
        let scored = judge.score(&samples)?;
        let report = GenerativeReport::new(&judge.name, &scored)?;
        Ok(SweepRow {
            block_size,
            sampler: combination.sampler_words(),
            temperature,
            top_p,
            samples: report.samples,
            gen_ppl: report.gen_ppl,
            gen_ppl_std: report.gen_ppl_std,
            entropy: report.entropy,
            length: report.lengths.mean,
            nfe: report.nfe,
            passes: report.passes,
            secs,
        })
    }
}

impl GridArgs {
    /// Ends with a usage error for options that no sampler takes notice of.
    fn check(&self) {
        let all = SamplerOptions {
            steps: self.steps.first().copied(),
            per_pass: self.per_pass.first().copied(),
            threshold: self.threshold.first().copied(),
            entropy_bound: self.entropy_bound.first().copied(),
        };
        let mut ignored = self.sampler.iter().map(|name| name.ignored(all));
        let first = ignored.next().unwrap_or_default();
        let by_all = ignored.fold(first, |by_all, ignored| {
            by_all.into_iter().filter(|option| ignored.contains(option)).collect()
        });
        if let Some(option) = by_all.first() {
            usage(&["eval", "sweep"], &format!("{option} is for other samplers; see --help"));
        }
    }

    /// Every combination, the block size changing slowest.
    fn combinations(&self, config: &Config) -> Vec<Combination> {
        let own = (config.family() == Family::BlockDiffusion).then_some(config.block_size);
        let given: Vec<_> = self.block_size.iter().copied().map(Some).collect();
        let sizes = if given.is_empty() { vec![own] } else { given };
        let mut all = Vec::new();
        for block_size in sizes {
            for (name, options) in self.samplers() {
                for &temperature in &self.temperature {
                    let with =
                        |&top_p| Combination { block_size, name, options, temperature, top_p };
                    all.extend(self.top_p.iter().map(with));
                }
            }
        }
        all
    }

    /// Each sampler with each of its own options.
    fn samplers(&self) -> Vec<(SamplerName, SamplerOptions)> {
        let none = SamplerOptions::default();
        let each = |name: &SamplerName| {
            let steps = self.steps.iter().map(|&n| SamplerOptions { steps: Some(n), ..none });
            let counts =
                self.per_pass.iter().map(|&n| SamplerOptions { per_pass: Some(n), ..none });
            let thresholds =
                self.threshold.iter().map(|&p| SamplerOptions { threshold: Some(p), ..none });
            let bounds = self
                .entropy_bound
                .iter()
                .map(|&b| SamplerOptions { entropy_bound: Some(b), ..none });
            let given = steps.chain(counts).chain(thresholds).chain(bounds);
            let mut taken: Vec<_> =
                given.filter(|options| name.ignored(*options).is_empty()).collect();
            if taken.is_empty() {
                taken.push(none);
            }
            taken.into_iter().map(|options| (*name, options)).collect::<Vec<_>>()
        };
        self.sampler.iter().flat_map(each).collect()
    }
}

impl Combination {
    fn sampling(&self, n_cells: usize) -> Sampling {
        let Combination { name, options, temperature, top_p, .. } = *self;
        let sampler = name.sampler(options, n_cells);
        Sampling { sampler, temperature: temperature as f32, top_k: 0, top_p: top_p as f32 }
    }

    /// The sampler with its number, such as `threshold 0.9`.
    fn sampler_words(&self) -> String {
        let value = self.name.to_possible_value();
        let name = value.as_ref().map_or("", |value| value.get_name());
        let SamplerOptions { steps, per_pass, threshold, entropy_bound } = self.options;
        let count = steps.or(per_pass).map(|n| n.to_string());
        let number = count.or(threshold.or(entropy_bound).map(|x| x.to_string()));
        number.map_or(name.into(), |number| format!("{name} {number}"))
    }

    fn describe(&self) -> String {
        let sampler = self.sampler_words();
        let block = self.block_size.map(|size| format!("block {size}, ")).unwrap_or_default();
        format!("{block}{sampler}, temperature {}, top-p {}", self.temperature, self.top_p)
    }
}

/// Quality against evaluations and seconds, a series for each block size and kind of sampler.
fn panels(rows: &[SweepRow]) -> Vec<Panel> {
    let key = |row: &SweepRow| {
        let sampler = row.sampler.split(' ').next().unwrap_or_default();
        let block = row.block_size.map(|size| format!("{size}, ")).unwrap_or_default();
        format!("{block}{sampler}")
    };
    let series = |x: fn(&SweepRow) -> f64, y: fn(&SweepRow) -> f64| {
        let mut series: Vec<Series> = Vec::new();
        for row in rows {
            let (name, point) = (key(row), (x(row), y(row)));
            match series.iter_mut().find(|series| series.name == name) {
                Some(series) => series.points.push(point),
                None => series.push(Series { name, points: vec![point] }),
            }
        }
        for series in &mut series {
            series.points.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        series
    };
    let nfe = |row: &SweepRow| row.nfe.unwrap_or(f64::NAN);
    let evaluations = "evaluations per sample";
    vec![
        Panel {
            x_label: evaluations,
            y_label: "gen-perplexity",
            series: series(nfe, |row| row.gen_ppl),
        },
        Panel {
            x_label: "seconds per sample",
            y_label: "gen-perplexity",
            series: series(|row| row.secs, |row| row.gen_ppl),
        },
        Panel {
            x_label: evaluations,
            y_label: "entropy (nats)",
            series: series(nfe, |row| row.entropy),
        },
    ]
}
