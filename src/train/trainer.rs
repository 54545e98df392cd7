//! A run of training: a stream of events that is pulled. Drop it to cancel, do not call it to pause.
//! Knows no files.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Stopwatch;
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::text::Tokenizer;
use crate::train::event::{IntervalVariance, TrainEvent, TrainStart, TrainStep, Validation};
use crate::train::interval::{Interval, lowest};
use crate::train::judge::Judge;
use crate::train::model_file::model_bytes;
use crate::train::objective::BatchKey;
use crate::train::optimiser::{Optimiser, SentOutcome};
use crate::train::options::TrainOptions;
use crate::train::random::{Purpose, generator};
use crate::train::tokens::Sequences;
use crate::train::{Backward, BackwardOptions, Parameters, TrainBatch, TrainShape};
use crate::{Advice, Error, Fault, Result};

/// Steps in a row whose gradients may not be finite.
const MOST_SKIPPED: usize = 5;

/// What a run learns from.
#[derive(Clone, Debug)]
pub struct TrainData {
    /// Sequences to train on.
    pub train: Sequences,
    /// Sequences to evaluate on, if any; none of them is trained on.
    pub valid: Option<Sequences>,
    /// The bytes of the `tokenizer.json`, for samples.
    pub tokenizer: Option<Arc<[u8]>>,
}

/// Where a run is. With the parameters and what the optimiser holds, all that makes its next step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps that are done.
    pub step: usize,
    /// Seconds of training so far.
    pub secs: f64,
    /// Where noise levels are drawn from.
    pub interval: Interval,
    /// The step of the last validation.
    pub validated: Option<usize>,
    /// What its search for the interval found; empty where none is made.
    #[serde(default)]
    pub variances: Vec<IntervalVariance>,
}

/// A run of training.
pub struct Trainer {
    parameters: Parameters,
    optimiser: Optimiser,
    backward: Backward,
    data: TrainData,
    options: TrainOptions,
    progress: Progress,
    /// Steps of the run, where they are known.
    steps: Option<usize>,
    /// When this process began, and seconds of training before it.
    clock: (Stopwatch, f64),
    pending: Option<Pending>,
    skipped_in_a_row: usize,
    events: VecDeque<TrainEvent>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Ended,
    Failed,
}

/// A step that was sent, whose outcome is not known yet.
struct Pending {
    event: TrainStep,
    outcome: SentOutcome,
}

impl Trainer {
    /// Prepares a run that begins, or goes on from a progress.
    ///
    /// # Errors
    /// [`Error::Request`] for options that do not fit, [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn new(
        parameters: Parameters,
        data: TrainData,
        options: TrainOptions,
        progress: Progress,
    ) -> Result<Trainer> {
        let (spec, window) = (parameters.spec(), data.train.length());
        options.check(spec, window)?;
        check_sample(&data, &options)?;
        let objective = options.objective(spec, progress.interval);
        let shape = TrainShape {
            sequences: options.batch,
            length: window,
            has_clean: objective.has_clean(),
        };
        let TrainOptions { dropout, max_kept_bytes, .. } = options;
        let passes = BackwardOptions { dropout, max_kept_bytes };
        let backward = Backward::new(&parameters, shape, passes)?;
        let optimiser = Optimiser::new(&parameters, options.optimiser)?;
        let per_step = (options.batch * options.accumulate) as f64;
        let steps = options.length.steps(data.train.len() as f64 / per_step);
        let mut trainer = Trainer {
            parameters,
            optimiser,
            backward,
            data,
            options,
            clock: (Stopwatch::start(), progress.secs),
            progress,
            steps,
            pending: None,
            skipped_in_a_row: 0,
            events: VecDeque::new(),
            state: State::Running,
        };
        trainer.events.push_back(TrainEvent::Start(trainer.start()));
        Ok(trainer)
    }

    fn start(&self) -> TrainStart {
        let window = self.data.train.length();
        TrainStart {
            step: self.progress.step,
            steps: self.steps,
            parameters: self.parameters.count(),
            sequences: self.data.train.len(),
            window,
            step_tokens: self.options.step_tokens(window),
            memory_bytes: self.memory_bytes(),
        }
    }

    /// Goes on until the next event; none at the end.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::Diverged`], and those of validations and samples.
    pub async fn next_async(&mut self) -> Result<Option<TrainEvent>> {
        loop {
            if let Some(event) = self.pop() {
                return Ok(Some(event));
            }
            match self.state {
                State::Ended => return Ok(None),
                State::Failed => return Err(Error::request("this run has failed")),
                State::Running => {}
            }
            // A call that is dropped, or fails, leaves a step half done.
            self.state = State::Failed;
            self.state = self.advance().await?;
        }
    }

    /// As [`Trainer::next_async`], for programs that may block.
    ///
    /// # Errors
    /// As [`Trainer::next_async`].
    #[allow(
        clippy::should_implement_trait,
        reason = "an Iterator cannot return a Result of an Option"
    )]
    #[cfg(not(target_arch = "wasm32"))]
    pub fn next(&mut self) -> Result<Option<TrainEvent>> {
        block_on(self.next_async())
    }

    /// The next event of what was done already.
    pub fn pop(&mut self) -> Option<TrainEvent> {
        self.events.pop_front()
    }

    /// Where the run is: after all steps that were sent. The event of the last one comes a step later.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The optimiser.
    pub fn optimiser(&self) -> &Optimiser {
        &self.optimiser
    }

    /// The bytes of the `model.safetensors` of the weights' moving average.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    pub async fn model(&self) -> Result<Vec<u8>> {
        let numbers = self.parameters.read(self.optimiser.average().iter()).await?;
        model_bytes(&self.parameters, &numbers, self.progress.interval)
    }

    /// Bytes on the device, without those of activations.
    pub fn memory_bytes(&self) -> u64 {
        let arenas = self.parameters.arenas().iter();
        let held = arenas.map(|arena| arena.weights.size_bytes() + arena.gradients.size_bytes());
        held.sum::<u64>() + self.optimiser.size_bytes()
    }

    fn done(&self) -> f64 {
        let Progress { step, secs, .. } = self.progress;
        self.options.length.done(step, self.steps, secs)
    }

    /// A step, a validation, or the end.
    async fn advance(&mut self) -> Result<State> {
        let (step, is_done) = (self.progress.step, self.done() >= 1.0);
        let every = self.options.checks.every_steps;
        let is_due = step > 0 && every.is_some_and(|every| step.is_multiple_of(every));
        if (is_due || is_done) && self.progress.validated != Some(step) {
            self.settle().await?;
            self.progress.validated = Some(step);
            self.validate().await?;
            return Ok(State::Running);
        }
        if is_done {
            let secs = self.progress.secs;
            self.events.push_back(TrainEvent::Done { step, secs });
            return Ok(State::Ended);
        }
        self.step().await?;
        // What is due after this step sees all of it.
        let step = self.progress.step;
        let is_last = self.done() >= 1.0 || every.is_some_and(|every| step.is_multiple_of(every));
        if is_last { self.settle().await.map(|()| State::Running) } else { Ok(State::Running) }
    }

    async fn step(&mut self) -> Result<()> {
        let (step, before) = (self.progress.step, self.progress.secs);
        let rate = self.options.rate.at(step, self.done());
        let block_size = self.options.block_sizes.draw(self.options.seed, step as u64);
        let mut loss = 0.0;
        for pass in 0..self.options.accumulate {
            let number = (step * self.options.accumulate + pass) as u64;
            let batch = self.batch(number, block_size);
            let seed = generator(self.options.seed, Purpose::Dropout, &[number]).u64(..);
            let nats = self.backward.forward_backward(&batch, seed).await?;
            let weighted = nats.iter().zip(&batch.weights);
            loss += weighted.map(|(&nats, &w)| f64::from(nats) * f64::from(w)).sum::<f64>();
        }
        let outcome = self.optimiser.step(&self.parameters, step + 1, rate)?;
        self.progress.step += 1;
        self.progress.secs = self.clock.1 + self.clock.0.secs();
        self.settle().await?;
        let secs = self.progress.secs;
        let tokens = self.options.step_tokens(self.data.train.length()) as f64;
        let event = TrainStep {
            step,
            loss,
            grad_norm: 0.0,
            rate,
            block_size,
            tokens_per_sec: tokens / (secs - before).max(1e-9),
            done: self.done(),
            secs,
        };
        self.pending = Some(Pending { event, outcome });
        Ok(())
    }

    /// The batch of that number in the run; its weights are those of its part of a step.
    fn batch(&self, number: u64, block_size: usize) -> TrainBatch {
        let TrainOptions { seed, batch, accumulate, .. } = self.options;
        let sequences = self.data.train.shuffled(seed, number * batch as u64, batch);
        let objective = self.options.objective(self.parameters.spec(), self.progress.interval);
        let mut batch = objective.batch(&sequences, block_size, BatchKey { seed, batch: number });
        batch.weights.iter_mut().for_each(|weight| *weight /= accumulate as f32);
        batch
    }

    /// Waits for the step that was sent, and makes the event of what became of it.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::Diverged`].
    pub async fn settle(&mut self) -> Result<()> {
        let Some(Pending { event, outcome }) = self.pending.take() else { return Ok(()) };
        let outcome = outcome.outcome().await?;
        let step = event.step;
        if outcome.is_taken {
            self.skipped_in_a_row = 0;
            let grad_norm = f64::from(outcome.norm);
            self.events.push_back(TrainEvent::Step(TrainStep { grad_norm, ..event }));
            return Ok(());
        }
        self.skipped_in_a_row += 1;
        if self.skipped_in_a_row < MOST_SKIPPED {
            self.events.push_back(TrainEvent::Skipped { step });
            return Ok(());
        }
        let fault = Fault::from(format!(
            "the gradients of {MOST_SKIPPED} steps in a row are not finite, the last of step {step}"
        ));
        Err(Error::Diverged(fault.advise(Advice::LowerRate)))
    }

    async fn validate(&mut self) -> Result<()> {
        let (step, checks) = (self.progress.step, self.options.checks.clone());
        if self.data.valid.is_none() && checks.sample.is_none() {
            return Ok(());
        }
        let (window, first) = (self.data.train.length(), self.options.first);
        let (gpu, spec) = (self.parameters.gpu(), self.parameters.spec());
        let (model, tokenizer) = (self.model().await?, self.data.tokenizer.as_deref());
        let judge = Judge::new(gpu, spec, &model, tokenizer, (window, first)).await?;
        if let Some(valid) = &self.data.valid {
            let count = checks.sequences.min(valid.len());
            let sequences: Vec<Vec<u32>> = (0..count).map(|i| valid.get(i)).collect();
            let sizes: Vec<usize> = self.options.block_sizes.sizes().collect();
            let nelbo = judge.nelbo(&sequences, &sizes, checks.draws).await?;
            let mut variances = Vec::new();
            if checks.searches {
                variances = judge.variances(&sequences, &self.options).await?;
                let totals: Vec<f64> = variances.iter().map(|v| v.total_variance).collect();
                if let Some(best) = lowest(&totals).and_then(|best| variances.get(best)) {
                    self.progress.interval = best.interval;
                }
                // A state could not hold what is no number.
                let numbers = variances.iter().filter(|v| v.total_variance.is_finite());
                self.progress.variances = numbers.copied().collect();
            }
            let interval = self.progress.interval;
            let validation = Validation { step, nelbo, interval, variances };
            self.events.push_back(TrainEvent::Validation(validation));
        }
        if let Some(sample) = &checks.sample
            && let Some(text) = judge.sample(sample).await?
        {
            self.events.push_back(TrainEvent::Sample { step, text });
        }
        // Training is what the clock counts.
        self.clock = (Stopwatch::start(), self.progress.secs);
        Ok(())
    }
}

/// Fails for a sample that would fail after hours.
fn check_sample(data: &TrainData, options: &TrainOptions) -> Result<()> {
    let (Some(sample), Some(json)) = (&options.checks.sample, &data.tokenizer) else {
        return Ok(());
    };
    let tokenizer = Tokenizer::from_bytes(json, Path::new("tokenizer.json"))?;
    let (got, length) = (1 + tokenizer.ids_from_text(&sample.prompt)?.len(), sample.length);
    if got < length {
        return Ok(());
    }
    Err(Error::request(format!(
        "the samples' beginning has {got} tokens, expected fewer than the {length} of a sample"
    )))
}
