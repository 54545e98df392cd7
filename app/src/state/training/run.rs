//! A run of training in the window: what it has reported so far.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bdlm::train::{TrainEvent, TrainStart, TrainStep};

/// Where a run stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum TrainStage {
    /// None has begun.
    #[default]
    None,
    /// It is being prepared: what is done, in words.
    Preparing(String),
    /// It trains.
    Running,
    /// It waits after the step that is being computed.
    Pausing,
    /// It waits.
    Paused,
    /// It ends after the step that is being computed.
    Stopping,
    /// It was stopped, and is saved.
    Stopped,
    /// It is at its end, and is saved.
    Finished,
    /// It has failed; what was saved stays.
    Failed,
}

/// Part of a new number in a moving average.
const NEW: f64 = 0.05;
/// Points of a curve, about; of more steps the means of neighbours are shown.
const POINTS: usize = 300;

/// A run of training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Training {
    /// Where it stands.
    pub stage: TrainStage,
    /// The folder that it is in.
    pub out: PathBuf,
    /// How it began.
    pub start: Option<TrainStart>,
    /// The last step.
    pub last: Option<TrainStep>,
    /// The loss of each step, in nats per token.
    pub losses: Vec<[f64; 2]>,
    /// Moving average of the loss.
    pub loss: Option<f64>,
    /// Moving average of the speed, in tokens per second.
    pub tokens_per_sec: Option<f64>,
    /// Bounds on held-out texts by block size: step, and nats per token.
    pub nelbo: BTreeMap<usize, Vec<[f64; 2]>>,
    /// Samples: step and text, the newest last.
    pub samples: Vec<(usize, String)>,
    /// The step of the last save.
    pub saved: Option<usize>,
    /// Steps that were skipped.
    pub skipped: usize,
}

impl Training {
    /// A run in this folder that is being prepared. What an earlier part of it has reported stays.
    pub fn begun(self, out: PathBuf, resumes: bool) -> Training {
        let stage = TrainStage::Preparing("Preparing".into());
        match resumes && self.out == out {
            true => Training { stage, ..self },
            false => Training { stage, out, ..Training::default() },
        }
    }

    /// True while its thread works or waits.
    pub fn is_live(&self) -> bool {
        use TrainStage::{Paused, Pausing, Preparing, Running, Stopping};
        matches!(self.stage, Preparing(_) | Running | Pausing | Paused | Stopping)
    }

    /// True if the folder holds a model that can be opened.
    pub fn has_model(&self) -> bool {
        self.saved.is_some() && !self.is_live()
    }

    /// Takes an event.
    pub fn push(&mut self, event: TrainEvent) {
        match event {
            TrainEvent::Start(start) => {
                self.go_back_to(start.step);
                self.saved = (start.step > 0).then_some(start.step);
                self.start = Some(start);
                if matches!(self.stage, TrainStage::Preparing(_)) {
                    self.stage = TrainStage::Running;
                }
            }
            TrainEvent::Step(step) => self.step(step),
            TrainEvent::Skipped { .. } => self.skipped += 1,
            TrainEvent::Validation(validation) => {
                for found in validation.nelbo {
                    let point = [validation.step as f64, found.nats_per_token];
                    self.nelbo.entry(found.block_size).or_default().push(point);
                }
            }
            TrainEvent::Sample { step, text } => self.samples.push((step, text)),
            TrainEvent::Saved { step } | TrainEvent::Done { step, .. } => self.saved = Some(step),
        }
    }

    /// What happened after the last save happens again.
    fn go_back_to(&mut self, step: usize) {
        let at = step as f64;
        self.losses.retain(|point| point[0] < at);
        self.nelbo.values_mut().for_each(|points| points.retain(|point| point[0] <= at));
        self.samples.retain(|(sampled, _)| *sampled <= step);
    }

    fn step(&mut self, step: TrainStep) {
        let blend = |old: Option<f64>, new: f64| old.map_or(new, |old| old + NEW * (new - old));
        if step.loss.is_finite() {
            self.losses.push([step.step as f64, step.loss]);
            self.loss = Some(blend(self.loss, step.loss));
        }
        self.tokens_per_sec = Some(blend(self.tokens_per_sec, step.tokens_per_sec));
        self.last = Some(step);
    }

    /// The curve of the loss, by the means of neighbours.
    pub fn curve(&self) -> Vec<[f64; 2]> {
        let mean = |points: &[[f64; 2]]| {
            let count = points.len() as f64;
            let sum = points.iter().fold([0.0, 0.0], |s, p| [s[0] + p[0], s[1] + p[1]]);
            [sum[0] / count, sum[1] / count]
        };
        self.losses.chunks(self.losses.len().div_ceil(POINTS).max(1)).map(mean).collect()
    }

    /// Part of the run that is done, 0 to 1.
    pub fn done(&self) -> f64 {
        self.last.as_ref().map_or(0.0, |step| step.done.clamp(0.0, 1.0))
    }

    /// Seconds that are left, once they can be guessed.
    pub fn secs_left(&self) -> Option<f64> {
        let step = self.last.as_ref().filter(|step| step.done > 0.0)?;
        Some(step.secs * (1.0 - step.done).max(0.0) / step.done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: usize) -> TrainEvent {
        TrainEvent::Step(TrainStep {
            step,
            loss: 4.0,
            grad_norm: 1.0,
            rate: 1e-3,
            block_size: 4,
            tokens_per_sec: 100.0,
            done: (step + 1) as f64 / 1000.0,
            secs: (step + 1) as f64,
        })
    }

    fn start(step: usize) -> TrainEvent {
        TrainEvent::Start(TrainStart {
            step,
            steps: Some(1000),
            parameters: 1,
            sequences: 1,
            window: 8,
            step_tokens: 8,
            memory_bytes: 1,
        })
    }

    #[test]
    fn a_resumed_run_goes_on_with_its_curve_from_the_last_save() {
        let mut run = Training::default().begun("out".into(), false);
        run.push(start(0));
        assert_eq!((run.stage.clone(), run.saved), (TrainStage::Running, None));
        (0..10).for_each(|at| run.push(step(at)));
        run.push(TrainEvent::Saved { step: 10 });
        (10..13).for_each(|at| run.push(step(at)));
        let mut run = run.begun("out".into(), true);
        run.push(start(10));
        assert_eq!((run.losses.len(), run.saved), (10, Some(10)));
        assert_eq!(run.begun("elsewhere".into(), true).losses.len(), 0);
    }

    #[test]
    fn long_curves_are_thinned_and_the_rest_is_guessed() {
        let mut run = Training::default().begun("out".into(), false);
        (0..900).for_each(|at| run.push(step(at)));
        let curve = run.curve();
        assert!(curve.len() <= POINTS && curve.iter().all(|point| point[1] == 4.0));
        assert!((run.secs_left().unwrap() - 100.0).abs() < 1e-6);
        assert!(Training::default().curve().is_empty());
    }
}
