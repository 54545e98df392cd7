//! Sequences that are evaluated batch by batch: what every evaluation of likelihood does.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use bdlm::eval::{Likelihood, Sequence, SequenceNll, SequenceResult};
use bdlm::sample::Engine;
use bdlm::text::Tokenizer;
use indicatif::ProgressBar;

use crate::cli::print::progress_bar;
use crate::cli::process::go_on;

/// An evaluation under way.
pub struct Batches {
    likelihood: Likelihood,
    tokenizer: Option<Arc<Tokenizer>>,
    /// Indices of the results.
    done: HashSet<usize>,
    results: Vec<SequenceResult>,
    bar: ProgressBar,
}

/// Steps of the bar per sequence.
const BAR_STEPS: u64 = 1000;

impl Batches {
    /// Begins behind these results, of about so many sequences.
    pub fn new(
        (likelihood, engine): (Likelihood, &Engine),
        results: Vec<SequenceResult>,
        count: Option<usize>,
    ) -> Batches {
        let tokenizer = engine.tokenizer().cloned();
        let done = results.iter().map(|result| result.index).collect();
        Batches { likelihood, tokenizer, done, results, bar: bar(count) }
    }

    /// How the sequences are evaluated.
    pub fn likelihood(&self) -> &Likelihood {
        &self.likelihood
    }

    /// True if all of these were evaluated. Otherwise all are evaluated again: sums of floats depend on
    /// which sequences are together.
    pub fn are_done(&self, mut indices: impl Iterator<Item = usize>) -> bool {
        indices.all(|index| self.done.contains(&index))
    }

    /// Evaluates a batch, of which `is_scored` says what is scored at all; `keep` is called with the
    /// results that are new. False if Ctrl-C came before its end.
    pub fn evaluate(
        &mut self,
        batch: &[Sequence<'_>],
        is_scored: impl Fn(&[u32]) -> bool,
        keep: impl FnOnce(&[SequenceResult]) -> Result<()>,
    ) -> Result<bool> {
        let (started, passes) = (Instant::now(), self.likelihood.passes());
        let scored = batch.iter().filter(|some| is_scored(some.ids)).copied();
        let scored: Vec<Sequence<'_>> = scored.collect();
        let (before, count) = (self.results.len() as u64, batch.len() as u64);
        self.bar.set_message(self.summary());
        let bar = &self.bar;
        let mut progress = |done: usize, all: usize| {
            let part = count * BAR_STEPS * done as u64 / all.max(1) as u64;
            bar.set_position(before * BAR_STEPS + part);
            go_on()
        };
        let found = pollster::block_on(self.likelihood.estimate_given(&scored, &mut progress))?;
        let Some(found) = found else { return Ok(false) };
        let mut found = scored.iter().map(|some| some.index).zip(found).peekable();
        let mut results = Vec::new();
        for (i, Sequence { index, ids, .. }) in batch.iter().copied().enumerate() {
            let nll = found.next_if(|(scored, _)| *scored == index);
            let nll = nll.map(|(_, nll)| nll).unwrap_or_default();
            let mut result = SequenceResult::new(index, &nll, self.bytes(ids, &nll));
            // Time and passes of a batch stand in its first line: their sums are right.
            if i == 0 {
                result.passes = self.likelihood.passes() - passes;
                result.secs = started.elapsed().as_secs_f64();
            }
            if self.done.insert(index) {
                results.push(result);
            }
        }
        keep(&results)?;
        self.results.extend(results);
        Ok(true)
    }

    /// All results, in the order of the sequences.
    pub fn finish(mut self) -> Vec<SequenceResult> {
        self.bar.finish_and_clear();
        self.results.sort_by_key(|result| result.index);
        self.results
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

fn bar(count: Option<usize>) -> ProgressBar {
    let Some(count) = count else { return progress_bar("{spinner} {msg} {elapsed}") };
    let bar = progress_bar("{msg} [{bar:30}] {percent}% {eta}");
    bar.set_length(BAR_STEPS * count as u64);
    bar
}
