//! The events of a training run, as plain data, in the order
//! `Start (Step | Skipped | Validation | Sample | Saved)* Done`.

use serde::{Deserialize, Serialize};

use crate::train::interval::Interval;

/// Something that happened in a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TrainEvent {
    /// The run begins, or goes on.
    Start(TrainStart),
    /// The weights changed.
    Step(TrainStep),
    /// A step changed nothing, since its gradients were not finite.
    Skipped {
        /// Steps before it.
        step: usize,
    },
    /// The moving average of the weights was evaluated on texts that are not trained on.
    Validation(Validation),
    /// What the moving average of the weights writes.
    Sample {
        /// Steps so far.
        step: usize,
        /// The text, prompt included.
        text: String,
    },
    /// The run can go on from here.
    Saved {
        /// Steps so far.
        step: usize,
    },
    /// The run is at its end.
    Done {
        /// Steps in all.
        step: usize,
        /// Seconds of training in all.
        secs: f64,
    },
}

/// The beginning of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainStart {
    /// Steps that are done already.
    pub step: usize,
    /// Steps of the run, where they are known.
    pub steps: Option<usize>,
    /// Numbers of the network.
    pub parameters: usize,
    /// Sequences to train on.
    pub sequences: usize,
    /// Tokens of a sequence.
    pub window: usize,
    /// Tokens of a step.
    pub step_tokens: usize,
    /// Bytes on the device.
    pub memory_bytes: u64,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainStep {
    /// Steps before it.
    pub step: usize,
    /// Loss in nats per token, before the step.
    pub loss: f64,
    /// Norm of all gradients before clipping.
    pub grad_norm: f64,
    /// Learning rate.
    pub rate: f64,
    /// Tokens of a block.
    pub block_size: usize,
    /// Tokens per second since the last step.
    pub tokens_per_sec: f64,
    /// Part of the run that is done after it, 0 to 1.
    pub done: f64,
    /// Seconds of training so far.
    pub secs: f64,
}

/// How well the network predicts texts that it is not trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Steps so far.
    pub step: usize,
    /// For each block size.
    pub nelbo: Vec<BlockNelbo>,
    /// Where noise levels are drawn from from now on.
    pub interval: Interval,
    /// What the search for that interval found; empty where it does not search.
    pub variances: Vec<IntervalVariance>,
}

/// The bound on the negative log-likelihood at a block size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockNelbo {
    /// Tokens of a block.
    pub block_size: usize,
    /// Nats per token.
    pub nats_per_token: f64,
}

/// How much the losses of blocks vary in an interval of noise levels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntervalVariance {
    /// The interval.
    pub interval: Interval,
    /// The sum over batches of the variance over blocks.
    pub total_variance: f64,
}
