//! `bdlm eval blocks`.

use std::path::PathBuf;

use anyhow::Result;
use bdlm::eval::{Estimator, PplReport};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::device::{DeviceArgs, Weights};
use crate::cli::eval::data::{DataArgs, Selection};
use crate::cli::eval::journal::{Journal, JournalArgs};
use crate::cli::eval::table::Table;
use crate::cli::eval::work::{Estimate, Evaluation};
use crate::cli::files::Output;
use crate::cli::model::ModelArgs;
use crate::cli::plot::{Panel, Series, png};
use crate::cli::print::note;
use crate::cli::process::Interrupted;

/// Likelihood at several block sizes: from autoregressive at 1 towards diffusion.
///
/// Blocks of up to 4 tokens are evaluated exactly, larger ones by random reveal orders. Each row
/// of CSV is printed as soon as it is known.
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
    journal: JournalArgs,
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
        let mut table: Table<Value> = Table::open(&self.journal, &self.settings())?;
        for &block_size in self.block_size.iter().skip(table.rows().len()) {
            let evaluation =
                Evaluation::new(&engine, &self.model.model, &self.data, self.estimate(block_size))?;
            let outcome = evaluation.run(Journal::none(), Vec::new())?;
            if !outcome.is_whole {
                note(&format!("interrupted: {}", self.journal.advice()));
                return Err(Interrupted.into());
            }
            table.push(row(&outcome.report)?)?;
        }
        match plot {
            Some(plot) => plot.write(&png(&[panel(&self.model.model, table.rows())])?),
            None => Ok(()),
        }
    }

    fn estimate(&self, block_size: usize) -> Estimate {
        let draws = self.draws;
        let estimator = match block_size {
            ..=MAX_EXACT => Estimator::Exact,
            _ => Estimator::Orders { draws },
        };
        Estimate { estimator, block_size: Some(block_size), seed: self.seed, batch: None }
    }

    fn settings(&self) -> Settings {
        Settings {
            model: self.model.model.clone(),
            weights: self.device.weights,
            data: self.data.name(),
            part: self.data.selection(),
            block_sizes: self.block_size.clone(),
            draws: self.draws,
            seed: self.seed,
        }
    }
}

/// What makes the rows.
#[derive(PartialEq, Serialize, Deserialize)]
struct Settings {
    model: String,
    weights: Weights,
    data: String,
    part: Selection,
    block_sizes: Vec<usize>,
    draws: usize,
    seed: u64,
}

fn row(report: &PplReport) -> Result<Value> {
    let mut row = serde_json::to_value(report)?;
    if let Some(row) = row.as_object_mut() {
        // How many there are depends on the estimator: the columns must not.
        row.shift_remove("draws");
    }
    Ok(row)
}

fn panel(model: &str, rows: &[Value]) -> Panel {
    let number = |row: &Value, name: &str| row.get(name).and_then(Value::as_f64);
    let point = |row: &Value| Some((number(row, "block_size")?, number(row, "ppl")?));
    let mut points: Vec<(f64, f64)> = rows.iter().filter_map(point).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    Panel {
        x_label: "tokens in a block",
        y_label: "perplexity",
        series: vec![Series { name: model.into(), points }],
    }
}
