//! An evaluation of likelihood, from its arguments to its report: what `ppl` and `blocks` share.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use bdlm::eval::{
    Estimator, Likelihood, LikelihoodOptions, PplReport, SequenceNll, SequenceResult, Settings,
};
use bdlm::sample::Engine;
use bdlm::text::Tokenizer;
use indicatif::ProgressBar;

use crate::cli::eval::data::{DataArgs, Item, Items};
use crate::cli::eval::journal::Journal;
use crate::cli::print::progress_bar;
use crate::cli::process::{Interrupted, go_on};

/// What to estimate.
#[derive(Clone, Copy)]
pub struct Estimate {
    /// How.
    pub estimator: Estimator,
    /// Tokens of a block; the checkpoint's if absent.
    pub block_size: Option<usize>,
    /// Of the noise.
    pub seed: u64,
    /// Sequences that are held at a time.
    pub batch: Option<usize>,
}

/// The likelihood of a corpus, ready to be computed.
pub struct Evaluation {
    settings: Settings,
    items: Items,
    likelihood: Likelihood,
    tokenizer: Option<Arc<Tokenizer>>,
}

/// What came of it.
pub struct Outcome {
    /// Of the sequences that were finished.
    pub report: PplReport,
    /// False if it was interrupted.
    pub is_whole: bool,
}

impl Evaluation {
    /// Opens the data and allocates.
    pub fn new(
        engine: &Engine,
        model: &str,
        data: &DataArgs,
        estimate: Estimate,
    ) -> Result<Evaluation> {
        let items = data.items(engine)?;
        let options = LikelihoodOptions {
            estimator: estimate.estimator,
            block_size: estimate.block_size,
            first: items.first,
            context: items.context,
            batch: estimate.batch,
            seed: estimate.seed,
        };
        let likelihood = Likelihood::new(engine.network().clone(), options)?;
        let settings = Settings {
            model: model.into(),
            data: data.name(),
            estimator: likelihood.options().estimator,
            block_size: likelihood.block_size(),
            context: items.context,
            first_token: items.first,
            seed: estimate.seed,
            weights: format!("{:?}", engine.network().weights_dtype()).to_lowercase(),
        };
        let tokenizer = engine.tokenizer().cloned();
        Ok(Evaluation { settings, items, likelihood, tokenizer })
    }

    /// What makes it: a journal must be of the same.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Evaluates all but the results that are there already.
    pub fn run(self, journal: Journal, results: Vec<SequenceResult>) -> Result<Outcome> {
        let Evaluation { settings, items, likelihood, tokenizer } = self;
        let bar = bar(items.count);
        let mut work = Work { likelihood, tokenizer, journal, results, bar };
        let is_whole = work.evaluate(items.items)?;
        if work.results.is_empty() && !is_whole {
            return Err(Interrupted.into());
        }
        Ok(Outcome { report: PplReport::new(settings, &work.results)?, is_whole })
    }
}

/// An evaluation under way.
struct Work {
    likelihood: Likelihood,
    tokenizer: Option<Arc<Tokenizer>>,
    journal: Journal,
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
            go_on()
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
            self.journal.push(&result)?;
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
