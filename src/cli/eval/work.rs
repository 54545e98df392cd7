//! An evaluation of likelihood, from its arguments to its report: what `ppl` and `blocks` share.

use anyhow::{Result, bail};
use bdlm::eval::data::{CorpusOptions, Counts};
use bdlm::eval::{
    self, Estimator, Inputs, Likelihood, LikelihoodOptions, PplReport, SequenceResult, Settings,
};
use bdlm::gpu::DType;
use bdlm::hub::ModelDigests;
use bdlm::sample::Engine;

use crate::cli::eval::batches::Batches;
use crate::cli::eval::data::DataArgs;
use crate::cli::eval::journal::Journal;
use crate::cli::eval::parts::{End, Line, Sequence, of_evaluation};
use crate::cli::eval::source::{Item, Items, Selection, Source};
use crate::cli::process::Interrupted;

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

/// A corpus and a model: what every estimate is of.
pub struct Subject<'a> {
    engine: &'a Engine,
    source: &'a Source,
    options: CorpusOptions,
    /// Which sequences.
    pub selection: Selection,
    /// Settings that are not of the estimate.
    settings: Settings,
}

/// What came of an evaluation.
pub struct Outcome {
    /// Of the sequences that were finished.
    pub report: PplReport,
    /// False if it was interrupted.
    pub is_whole: bool,
}

impl<'a> Subject<'a> {
    /// A model by its name and files, and the data of the arguments.
    pub fn new(
        (name, engine, digests): (&str, &'a Engine, ModelDigests),
        data: &DataArgs,
        source: &'a Source,
    ) -> Subject<'a> {
        let window = engine.network().spec().window;
        let context = source.context().or(data.context()).unwrap_or(window);
        let mut options = data.cut(source.preset(), context);
        // A tokenizer may not say which tokens open and close a text; the config may.
        if engine.tokenizer().is_some_and(|tokenizer| tokenizer.boundaries().is_none()) {
            let spec = engine.network().spec();
            let (begin, end) = (spec.bos_token_id, spec.eos_token_id);
            options.boundaries = begin.or(end).zip(end.or(begin));
        }
        let settings = Settings {
            model: name.into(),
            data: data.name(),
            estimator: Estimator::Exact,
            block_size: None,
            context,
            first_token: source.first(),
            seed: 0,
            weights: weights(engine),
            matrix_units: rounds_activations(engine),
            cut: data.cut_report(source.preset(), &options),
            inputs: Inputs { model: digests, data_sha256: source.sha256.clone() },
        };
        Subject { engine, source, options, selection: data.selection(), settings }
    }

    fn options(&self, estimate: Estimate) -> LikelihoodOptions {
        LikelihoodOptions {
            estimator: estimate.estimator,
            block_size: estimate.block_size,
            first: self.settings.first_token,
            context: self.settings.context,
            batch: estimate.batch,
            seed: estimate.seed,
        }
    }

    /// What makes an estimate: a journal must be of the same. Fails for what the model does not do.
    pub fn settings(&self, estimate: Estimate) -> Result<Settings> {
        let options = self.options(estimate).for_model(self.engine.network().spec())?;
        Ok(Settings {
            estimator: options.estimator,
            block_size: options.block_size,
            seed: options.seed,
            ..self.settings.clone()
        })
    }

    /// Evaluates all sequences but those whose results are there already: estimate number
    /// `evaluation` of the journal.
    pub fn evaluate(
        &self,
        evaluation: usize,
        estimate: Estimate,
        journal: &mut Journal,
        lines: &[Line],
    ) -> Result<Outcome> {
        let likelihood = Likelihood::new(self.engine.network().clone(), self.options(estimate))?;
        let items = self.source.items(self.engine, self.options, self.selection)?;
        let (results, end) = of_evaluation(lines, evaluation);
        let spec = self.engine.network().spec();
        let mut work = Work {
            batches: Batches::new((likelihood, self.engine), results, items.n_expected()),
            // Tokens that were given are to be right.
            unscored_id: spec.mask_id.filter(|_| self.settings.cut.is_some()),
            journal,
            evaluation,
            has_end: end.is_some(),
        };
        let counts = work.evaluate(items)?;
        let is_whole = counts.is_some();
        let mut report = PplReport::new(self.settings(estimate)?, &work.batches.finish())?;
        report.counts = counts.flatten();
        if report.sequences == 0 && !is_whole {
            return Err(Interrupted.into());
        }
        // A part of an evaluation may be empty.
        if report.sequences == 0 && self.selection.shard[1] == 1 {
            let n = report.sequences_unscored;
            bail!("there is nothing to evaluate: of {n} sequences none has a token that counts");
        }
        Ok(Outcome { report, is_whole })
    }
}

/// Whether matrix units multiply, which they do with weights that are not f32.
pub fn rounds_activations(engine: &Engine) -> bool {
    let network = engine.network();
    let formats = network.formats();
    let is_f32 = [formats.layers, formats.tables].iter().all(|&dtype| dtype == DType::F32);
    network.gpu().units().is_some() && !is_f32
}

/// How weights are held, in words.
pub fn weights(engine: &Engine) -> String {
    let formats = engine.network().formats();
    let name = |dtype: DType| format!("{dtype:?}").to_lowercase();
    match formats.tables == formats.layers {
        true => name(formats.layers),
        false => format!("{}, tables {}", name(formats.layers), name(formats.tables)),
    }
}

/// An evaluation under way.
struct Work<'a> {
    batches: Batches,
    /// The token that no text should hold: sequences with it are not scored.
    unscored_id: Option<u32>,
    journal: &'a mut Journal,
    evaluation: usize,
    has_end: bool,
}

impl Work<'_> {
    /// Evaluates all sequences that are not done; returns what became of the documents, or none if
    /// interrupted.
    fn evaluate(&mut self, mut items: Items) -> Result<Option<Option<Counts>>> {
        let batch = self.batches.likelihood().batch();
        loop {
            let some: Vec<Item> = items.by_ref().take(batch).collect::<Result<_>>()?;
            if some.is_empty() {
                break;
            }
            let is_done = self.batches.are_done(some.iter().map(|item| item.index));
            if !is_done && !self.evaluate_batch(&some)? {
                return Ok(None);
            }
        }
        let counts = items.counts();
        if !self.has_end {
            let (evaluation, all_sequences) = (self.evaluation, items.n_sequences());
            self.journal.push(&Line::End(End { evaluation, all_sequences, counts }))?;
        }
        Ok(Some(counts))
    }

    fn evaluate_batch(&mut self, items: &[Item]) -> Result<bool> {
        let Work { batches, unscored_id, journal, evaluation, .. } = self;
        let given = batches.likelihood().given();
        let all =
            items.iter().map(|item| eval::Sequence { index: item.index, ids: &item.ids, given });
        let is_scored = |ids: &[u32]| !unscored_id.is_some_and(|id| ids.contains(&id));
        batches.evaluate(&all.collect::<Vec<_>>(), is_scored, |results| {
            let line = |result: &SequenceResult| Sequence {
                evaluation: *evaluation,
                result: result.clone(),
            };
            journal.push_all(&results.iter().map(line).collect::<Vec<_>>())
        })
    }
}
