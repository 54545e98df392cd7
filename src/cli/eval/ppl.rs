//! `bdlm eval ppl`.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use bdlm::eval::{
    Estimator, Likelihood, LikelihoodOptions, PplReport, SequenceNll, SequenceResult, Settings,
};
use bdlm::text::Tokenizer;
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;

use crate::cli::eval::data::{DataArgs, Item};
use crate::cli::eval::journal::Journal;
use crate::cli::eval::present::{ReportFormat, formatted, print};
use crate::cli::files::Output;
use crate::cli::model::{DeviceArgs, ModelArgs, progress_bar};
use crate::cli::{Interrupted, check_interrupt, note};

/// Likelihood of a text: exact, or the bound that diffusion models have.
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
    /// Write finished sequences to this file as they come
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    journal: Option<PathBuf>,
    /// Go on from the journal
    #[arg(long, requires = "journal", help_heading = "Output")]
    resume: bool,
    /// How to print the report
    #[arg(long, value_enum, default_value = "text", help_heading = "Output")]
    format: ReportFormat,
    /// Write the report to a file instead of stdout
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Args)]
#[command(next_help_heading = "Estimate")]
struct EstimateArgs {
    /// How the expectation over masks is taken
    #[arg(long, value_enum, default_value = "mc")]
    estimator: EstimatorName,
    /// Draws per sequence, for mc and orders
    #[arg(long, value_name = "N", default_value_t = 1)]
    draws: usize,
    /// Tokens in a block [default: the checkpoint's]
    #[arg(long, value_name = "K")]
    block_size: Option<usize>,
    /// The same seed gives the same noise
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Sequences whose clean halves are held at a time [default: as many as fit a pass]
    #[arg(long, value_name = "B")]
    batch: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum EstimatorName {
    /// Noise levels drawn at random, the paper's estimator
    Mc,
    /// All 2^K - 1 mask patterns of a block of K: no noise, K up to 8
    Exact,
    /// Random reveal orders: K passes a draw, low variance
    Orders,
}

impl Ppl {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let output = self.output.as_deref().map(Output::create).transpose()?;
        let gpu = self.device.request()?;
        let engine = match self.data.is_text() {
            true => self.model.load(&gpu, self.device.weights)?,
            false => self.model.load_network(&gpu, self.device.weights)?,
        };
        let data = self.data.items(&engine)?;
        let options = LikelihoodOptions {
            estimator: self.estimate.estimator(),
            block_size: self.estimate.block_size,
            first: data.first,
            context: data.context,
            batch: self.estimate.batch,
            seed: self.estimate.seed,
        };
        let likelihood = Likelihood::new(engine.dit().clone(), options)?;
        let settings = Settings {
            model: self.model.model.clone(),
            data: self.data.name(),
            estimator: likelihood.options().estimator,
            block_size: likelihood.block_size(),
            context: data.context,
            first_token: options.first,
            seed: options.seed,
            weights: format!("{:?}", engine.dit().weights_dtype()).to_lowercase(),
        };
        let opened =
            self.journal.as_deref().map(|path| Journal::open(path, self.resume, &settings));
        let (journal, results) = opened.transpose()?.unzip();
        let results = results.unwrap_or_default();
        let tokenizer = engine.tokenizer().cloned();
        let mut work = Work { likelihood, tokenizer, journal, results, bar: bar(data.count) };
        let finished = work.evaluate(data.items)?;
        if work.results.is_empty() && !finished {
            return Err(Interrupted.into());
        }
        let report = formatted(&PplReport::new(settings, &work.results)?, self.format)?;
        match output {
            Some(output) => output.write(report.as_bytes())?,
            None => print(&report)?,
        }
        if finished { Ok(()) } else { Err(self.interrupted(work.results.len())) }
    }

    fn interrupted(&self, done: usize) -> anyhow::Error {
        let advice = match &self.journal {
            Some(path) => format!("go on with --journal {} --resume", path.display()),
            None => "with --journal FILE it could go on".into(),
        };
        note(&format!("interrupted: the report is of {done} sequences; {advice}"));
        Interrupted.into()
    }
}

impl EstimateArgs {
    fn estimator(&self) -> Estimator {
        let draws = self.draws;
        match self.estimator {
            EstimatorName::Mc => Estimator::MonteCarlo { draws },
            EstimatorName::Exact => Estimator::Exact,
            EstimatorName::Orders => Estimator::Orders { draws },
        }
    }
}

/// An evaluation under way.
struct Work {
    likelihood: Likelihood,
    tokenizer: Option<Arc<Tokenizer>>,
    journal: Option<Journal>,
    results: Vec<SequenceResult>,
    bar: ProgressBar,
}

/// Steps of the bar per sequence.
const BAR_STEPS: u64 = 1000;

fn bar(count: Option<usize>) -> ProgressBar {
    let Some(count) = count else { return progress_bar("{spinner} {msg} {elapsed}") };
    let bar = progress_bar("{msg} [{bar:30}] {percent}% {eta}");
    bar.set_length(BAR_STEPS * count as u64);
    bar
}

impl Work {
    /// Evaluates all sequences that are not done; false if interrupted.
    fn evaluate(&mut self, items: impl Iterator<Item = Result<Item>>) -> Result<bool> {
        let done: HashSet<usize> = self.results.iter().map(|result| result.index).collect();
        let is_new = |item: &Result<Item>| item.as_ref().map_or(true, |i| !done.contains(&i.index));
        let mut items = items.filter(is_new);
        loop {
            let some: Vec<Item> =
                items.by_ref().take(self.likelihood.batch()).collect::<Result<_>>()?;
            if some.is_empty() {
                self.bar.finish_and_clear();
                return Ok(true);
            }
            if !self.evaluate_batch(&some)? {
                self.bar.finish_and_clear();
                return Ok(false);
            }
        }
    }

    fn evaluate_batch(&mut self, items: &[Item]) -> Result<bool> {
        let (started, passes) = (Instant::now(), self.likelihood.passes());
        let sequences: Vec<(usize, &[u32])> = items.iter().map(|i| (i.index, &i.ids[..])).collect();
        let (before, count) = (self.results.len() as u64, items.len() as u64);
        self.bar.set_message(self.summary());
        let bar = &self.bar;
        let mut progress = |done: usize, all: usize| {
            let part = count * BAR_STEPS * done as u64 / all.max(1) as u64;
            bar.set_position(before * BAR_STEPS + part);
            if check_interrupt().is_err() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let found = pollster::block_on(self.likelihood.estimate(&sequences, &mut progress))?;
        let Some(found) = found else { return Ok(false) };
        for (i, (item, found)) in items.iter().zip(&found).enumerate() {
            let mut result = SequenceResult::new(item.index, found, self.bytes(&item.ids, found));
            // Time and passes of a batch stand in its first line: their sums are right.
            if i == 0 {
                result.passes = self.likelihood.passes() - passes;
                result.secs = started.elapsed().as_secs_f64();
            }
            if let Some(journal) = &mut self.journal {
                journal.push(&result)?;
            }
            self.results.push(result);
        }
        Ok(true)
    }

    /// Bytes of the counted tokens' text: those behind the ones that are given.
    fn bytes(&self, ids: &[u32], found: &SequenceNll) -> Option<u64> {
        let counted = ids.get(ids.len() - found.tokens..)?;
        self.tokenizer.as_ref()?.text_bytes(counted)
    }

    fn summary(&self) -> String {
        let tokens: usize = self.results.iter().map(|result| result.tokens).sum();
        let nll: f64 = self.results.iter().map(|result| result.nll).sum();
        match tokens {
            0 => "evaluating".into(),
            _ => format!("{} sequences, {:.3} nats", self.results.len(), nll / tokens as f64),
        }
    }
}
