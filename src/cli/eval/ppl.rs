//! `bdlm eval ppl`.

use anyhow::Result;
use bdlm::eval::Estimator;
use bdlm::gpu::Gpu;
use clap::{Args, ValueEnum};

use crate::cli::device::DeviceArgs;
use crate::cli::eval::data::DataArgs;
use crate::cli::eval::journal::JournalArgs;
use crate::cli::eval::parts::{Head, PPL};
use crate::cli::eval::present::ReportArgs;
use crate::cli::eval::work::{Estimate, Subject};
use crate::cli::model::ModelArgs;
use crate::cli::print::note;
use crate::cli::process::Interrupted;

/// Likelihood of a text: exact, or the bound that diffusion models have.
///
/// On GPUs with matrix units, estimates by draws or orders use them, which rounds activations to f16;
/// `--kernels workgroup` does not. Exact ones never do unless `--kernels cooperative` asks for it.
#[derive(Args)]
#[command(after_help = "Examples:
  bdlm eval ppl --data wiki.test.raw --estimator exact --block-size 4 --limit 20
  bdlm eval ppl --data wikitext103 --model kuleshov-group/bd3lm-owt-block_size4 --format json
  bdlm eval ppl --data text.jsonl --journal run.jsonl --resume")]
pub struct Ppl {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    estimate: EstimateArgs,
    #[command(flatten)]
    journal: JournalArgs,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

/// What is estimated, and how.
#[derive(Args)]
#[command(next_help_heading = "Estimate")]
pub struct EstimateArgs {
    /// How the average over masks is computed
    #[arg(long, value_enum, default_value = "mc")]
    estimator: EstimatorName,
    /// Draws per sequence, for mc and orders
    #[arg(long, value_name = "N", default_value_t = 1)]
    draws: usize,
    /// Tokens in a block [default: the checkpoint's]
    #[arg(long, value_name = "K")]
    pub block_size: Option<usize>,
    /// The same seed gives the same noise
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Sequences that are evaluated together [default: as many as fit a pass]
    #[arg(long, value_name = "B")]
    pub batch: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum EstimatorName {
    /// Random noise levels: the paper's estimator
    Mc,
    /// All 2^K - 1 mask patterns of a block of K: no noise, K up to 8
    Exact,
    /// Random reveal orders: K passes a draw, low variance
    Orders,
}

impl Ppl {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let output = self.report.create()?;
        let source = self.data.open()?;
        let gpu = self.estimate.request(&self.device, &self.model)?;
        let (engine, digests) = self.model.load_known(
            &gpu,
            self.device.weights,
            self.estimate.block_size,
            self.data.is_text(),
        )?;
        let model = (self.model.model.as_str(), &engine, digests);
        let subject = Subject::new(model, &self.data, &source);
        let estimate = Estimate {
            estimator: self.estimate.estimator(),
            block_size: self.estimate.block_size,
            seed: self.estimate.seed,
            batch: self.estimate.batch,
        };
        let evaluations = vec![subject.settings(estimate)?];
        let head = Head { selection: subject.selection, evaluations };
        let (mut journal, lines) = self.journal.open(PPL, &head)?;
        let outcome = subject.evaluate(0, estimate, &mut journal, &lines)?;
        self.report.write(output, &outcome.report, &gpu)?;
        match outcome.is_whole {
            true => Ok(()),
            false => Err(self.interrupted(outcome.report.sequences)),
        }
    }

    fn interrupted(&self, done: usize) -> anyhow::Error {
        let advice = self.journal.advice();
        note(&format!("interrupted: the report covers {done} sequences; {advice}"));
        Interrupted.into()
    }
}

impl EstimateArgs {
    /// Requests the device for an estimate of a model.
    pub fn request(&self, device: &DeviceArgs, model: &ModelArgs) -> Result<Gpu> {
        let (size, estimator) = (self.block_size, self.estimator());
        device.request_for_estimate(estimator.is_exact_for(&model.spec(size)?, size))
    }

    /// The estimator.
    pub fn estimator(&self) -> Estimator {
        let draws = self.draws;
        match self.estimator {
            EstimatorName::Mc => Estimator::MonteCarlo { draws },
            EstimatorName::Exact => Estimator::Exact,
            EstimatorName::Orders => Estimator::Orders { draws },
        }
    }
}
