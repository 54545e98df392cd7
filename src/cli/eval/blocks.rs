//! `bdlm eval blocks`.

use std::path::PathBuf;

use anyhow::Result;
use bdlm::eval::Estimator;
use bdlm::plot::{Panel, Series, png};
use clap::Args;
use serde_json::Value;

use crate::cli::device::DeviceArgs;
use crate::cli::eval::data::DataArgs;
use crate::cli::eval::journal::JournalArgs;
use crate::cli::eval::parts::{BLOCKS, Head};
use crate::cli::eval::present::MadeBy;
use crate::cli::eval::table::{print_row, report_row};
use crate::cli::eval::work::{Estimate, Subject};
use crate::cli::model::ModelArgs;
use crate::cli::output::Output;
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
        let source = self.data.open()?;
        let gpu = self.device.request()?;
        let (engine, digests) = self.model.load_known(
            &gpu,
            self.device.weights,
            self.block_size.first().copied(),
            self.data.is_text(),
        )?;
        let model = (self.model.model.as_str(), &engine, digests);
        let subject = Subject::new(model, &self.data, &source);
        let settings = |&size: &usize| subject.settings(self.estimate(size));
        let evaluations = self.block_size.iter().map(settings).collect::<Result<_>>()?;
        let head = Head { selection: subject.selection, evaluations };
        let (mut journal, lines) = self.journal.open(BLOCKS, &head)?;
        let made_by = MadeBy::new(&gpu);
        let mut rows = Vec::new();
        for (i, &block_size) in self.block_size.iter().enumerate() {
            let outcome = subject.evaluate(i, self.estimate(block_size), &mut journal, &lines)?;
            if !outcome.is_whole {
                note(&format!("interrupted: {}", self.journal.advice()));
                return Err(Interrupted.into());
            }
            let row = report_row(&outcome.report, Some(&made_by))?;
            print_row(&row, rows.is_empty())?;
            rows.push(row);
        }
        match plot {
            Some(plot) => plot.write(&png(&[panel(&self.model.model, &rows)])?),
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
