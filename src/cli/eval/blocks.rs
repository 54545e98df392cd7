//! `bdlm eval blocks`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use bdlm::eval::{Estimator, PplReport};
use clap::Args;

use crate::cli::Interrupted;
use crate::cli::eval::data::DataArgs;
use crate::cli::eval::plot::{Panel, Series, png};
use crate::cli::eval::present::csv_lines;
use crate::cli::eval::work::{Estimate, Evaluation};
use crate::cli::files::Output;
use crate::cli::model::{DeviceArgs, ModelArgs};

/// Likelihood at several block sizes: from autoregressive at 1 towards diffusion.
///
/// Blocks of up to 4 tokens are evaluated exactly, larger ones by random reveal orders. A row of
/// CSV goes to stdout as soon as it is known.
#[derive(Args)]
#[command(after_help = "Example:
  bdlm eval blocks --data story.txt --limit 40 --block-size 1,2,4,8,16,32 --plot blocks.png")]
pub struct Blocks {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Tokens in a block
    #[arg(long, value_name = "K", value_delimiter = ',', default_value = "1,2,4,8,16")]
    block_size: Vec<usize>,
    /// Reveal orders per sequence
    #[arg(long, value_name = "N", default_value_t = 4)]
    draws: usize,
    /// The same seed gives the same orders
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Draw perplexity against block size
    #[arg(long, value_name = "PNG", help_heading = "Output")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Largest block that is evaluated exactly: 15 patterns.
const MAX_EXACT: usize = 4;

impl Blocks {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let plot = self.plot.as_deref().map(Output::create).transpose()?;
        let gpu = self.device.request()?;
        let engine = self.model.load_for(&gpu, self.device.weights, self.data.is_text())?;
        let mut reports: Vec<PplReport> = Vec::with_capacity(self.block_size.len());
        for &block_size in &self.block_size {
            let draws = self.draws;
            let estimator = match block_size {
                ..=MAX_EXACT => Estimator::Exact,
                _ => Estimator::Orders { draws },
            };
            let (block_size, seed) = (Some(block_size), self.seed);
            let estimate = Estimate { estimator, block_size, seed, batch: None };
            let evaluation = Evaluation::new(&engine, &self.model.model, &self.data, estimate)?;
            let outcome = evaluation.run(None)?;
            if !outcome.is_whole {
                return Err(Interrupted.into());
            }
            print_row(&outcome.report, reports.is_empty())?;
            reports.push(outcome.report);
        }
        match plot {
            Some(plot) => plot.write(&png(&[panel(&reports)])?),
            None => Ok(()),
        }
    }
}

/// A row of CSV, with the names before the first.
fn print_row(report: &PplReport, is_first: bool) -> Result<()> {
    let mut row = serde_json::to_value(report)?;
    if let Some(row) = row.as_object_mut() {
        // How many there are depends on the estimator: the columns must not.
        row.shift_remove("draws");
    }
    let lines = csv_lines(&row);
    let mut out = io::stdout().lock();
    if is_first {
        writeln!(out, "{}", lines[0])?;
    }
    writeln!(out, "{}", lines[1])?;
    Ok(out.flush()?)
}

fn panel(reports: &[PplReport]) -> Panel {
    let point = |r: &PplReport| (r.settings.block_size.unwrap_or(0) as f64, r.ppl);
    let mut points: Vec<(f64, f64)> = reports.iter().map(point).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let name = reports.first().map(|r| r.settings.model.clone()).unwrap_or_default();
    Panel {
        x_label: "tokens in a block",
        y_label: "perplexity",
        series: vec![Series { name, points }],
    }
}
