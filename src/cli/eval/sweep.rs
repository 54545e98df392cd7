//! `bdlm eval sweep`.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use bdlm::eval::GenerativeReport;
use bdlm::hub::ModelDigests;
use bdlm::plot::{Panel, Series, png};
use bdlm::sample::{Engine, Request};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::cli::device::{DeviceArgs, WeightArgs};
use crate::cli::eval::grid::{Combination, GridArgs};
use crate::cli::eval::journal::JournalArgs;
use crate::cli::eval::samples::{Judge, Sample, Tokens, generate};
use crate::cli::eval::table::Table;
use crate::cli::model::ModelArgs;
use crate::cli::output::Output;
use crate::cli::print::note;
use crate::cli::process::Interrupted;

/// Sample with every combination of options, score, and show quality against cost.
///
/// Options take lists, such as `--block-size 4,8,16`. Each row of CSV is printed as soon as it is
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
    /// Samples that are generated at the same time
    #[arg(long, value_name = "B", default_value_t = 1)]
    batch: usize,
    /// The same seed gives the same samples
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    grid: GridArgs,
    /// Draw generative perplexity and entropy against evaluations and seconds
    #[arg(long, value_name = "PNG", help_heading = "Output")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    journal: JournalArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// One row of the result.
#[derive(Serialize, Deserialize)]
struct SweepRow {
    block_size: Option<usize>,
    sampler: String,
    temperature: f64,
    top_p: f64,
    samples: usize,
    /// None, as what follows, if no sample has a token that counts.
    gen_ppl: Option<f64>,
    gen_ppl_std: Option<f64>,
    entropy: Option<f64>,
    length: Option<f64>,
    nfe: Option<f64>,
    passes: Option<f64>,
    secs: f64,
}

/// What makes the rows.
#[derive(Serialize)]
struct Settings {
    model: String,
    files: ModelDigests,
    scorer: String,
    scorer_files: ModelDigests,
    weights: WeightArgs,
    samples: usize,
    length: usize,
    batch: usize,
    seed: u64,
    combinations: Vec<String>,
}

impl Sweep {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        self.grid.check()?;
        let plot = self.plot.as_deref().map(Output::create).transpose()?;
        let gpu = self.device.request()?;
        let mut judge = Judge::load(&self.scorer, Tokens::OfText, &gpu, self.device.weights)?;
        let (weights, block_size) = (self.device.weights, self.grid.first_block_size());
        let (engine, digests) = self.model.load_known(&gpu, weights, block_size, true)?;
        let combinations = self.grid.combinations(engine.network().spec());
        let files = (digests, judge.digests.clone());
        let settings = self.settings(files, &combinations);
        let mut table: Table<SweepRow> = Table::open(&self.journal, "eval sweep", &settings)?;
        let count = combinations.len();
        for (i, combination) in combinations.iter().enumerate().skip(table.rows().len()) {
            if io::stderr().is_terminal() {
                note(&format!("{} of {count}: {}", i + 1, combination.describe()));
            }
            match self.measure(&engine, &mut judge, *combination) {
                Err(e) if e.is::<Interrupted>() => break,
                row => table.push(row?)?,
            }
        }
        let rows = table.rows();
        if let (Some(plot), false) = (plot, rows.is_empty()) {
            plot.write(&png(&panels(rows))?)?;
        }
        if rows.len() < count {
            note(&format!(
                "interrupted: {} of {count} rows; {}",
                rows.len(),
                self.journal.advice()
            ));
            return Err(Interrupted.into());
        }
        Ok(())
    }

    fn settings(
        &self,
        (files, scorer_files): (ModelDigests, ModelDigests),
        combinations: &[Combination],
    ) -> Settings {
        Settings {
            model: self.model.model.clone(),
            files,
            scorer: self.scorer.clone(),
            scorer_files,
            weights: self.device.weights,
            samples: self.samples,
            length: self.length,
            batch: self.batch,
            seed: self.seed,
            combinations: combinations.iter().map(Combination::describe).collect(),
        }
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
        let sampling = combination.sampling(request.n_cells(engine.network().spec()));
        let request = Request { sampling, ..request };
        // The first run of a shape compiles its kernels: that is not what is timed.
        let length = (2 * block_size.unwrap_or(1)).min(self.length);
        let warm_up = Request { length, samples: self.batch, ..request.clone() };
        generate(engine, warm_up, |_| Ok(()))?.then_some(()).ok_or(Interrupted)?;
        let (started, mut samples) = (Instant::now(), Vec::with_capacity(self.samples));
        let keep = |sample| {
            samples.push(sample);
            Ok(())
        };
        generate(engine, request, keep)?.then_some(()).ok_or(Interrupted)?;
        let secs = started.elapsed().as_secs_f64() / self.samples.max(1) as f64;
        samples.sort_by_key(Sample::index);
        let mut scored = Vec::with_capacity(self.samples);
        let keep = |score| {
            scored.push(score);
            Ok(())
        };
        judge.score(&samples, 0, keep)?.then_some(()).ok_or(Interrupted)?;
        // One combination without a token does not end the others.
        let report = GenerativeReport::new(&judge.name, &scored).ok();
        let of = |number: fn(&GenerativeReport) -> f64| report.as_ref().map(number);
        Ok(SweepRow {
            block_size,
            sampler: combination.sampler_words(),
            temperature,
            top_p,
            samples: report.as_ref().map_or(0, |report| report.samples),
            gen_ppl: of(|report| report.gen_ppl),
            gen_ppl_std: of(|report| report.gen_ppl_std),
            entropy: of(|report| report.entropy),
            length: of(|report| report.lengths.mean),
            nfe: report.as_ref().and_then(|report| report.nfe),
            passes: report.as_ref().and_then(|report| report.passes),
            secs,
        })
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
    let gen_ppl = |row: &SweepRow| row.gen_ppl.unwrap_or(f64::NAN);
    let evaluations = "evaluations per sample";
    vec![
        Panel { x_label: evaluations, y_label: "gen-perplexity", series: series(nfe, gen_ppl) },
        Panel {
            x_label: "seconds per sample",
            y_label: "gen-perplexity",
            series: series(|row| row.secs, gen_ppl),
        },
        Panel {
            x_label: evaluations,
            y_label: "entropy (nats)",
            series: series(nfe, |row| row.entropy.unwrap_or(f64::NAN)),
        },
    ]
}
