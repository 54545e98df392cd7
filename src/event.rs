//! The stream of a run, as plain data. A sample's events are
//! `Start (((Step | Steer)* Block)* Retract?)* Done`; with more than one sample in a batch they interleave,
//! and each names its sample. The JSON form is part of the API.

use serde::{Deserialize, Serialize};

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A sample begins.
    Start(Start),
    /// Cells of the current block were drawn, some opened. Only in watched runs.
    Step(Step),
    /// The host program opened or masked cells of the current block. Only in steered runs.
    Steer(Step),
    /// A block is finished: its tokens will not change.
    Block(Block),
    /// Finished tokens are taken back: the sample had fallen into repetition.
    Retract(Retract),
    /// A sample is finished.
    Done(Done),
}

/// The beginning of a sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Index of the sample.
    pub sample: usize,
    /// Seed of the run.
    pub seed: u64,
    /// Cells that are generated at a time: of a block, or of the window for models without blocks.
    pub block_size: usize,
    /// Positions that the network sees at once.
    pub window: usize,
    /// Tokens of the finished sequence, unless it stops early.
    pub length: usize,
    /// BOS and the prompt.
    pub ids: Vec<u32>,
    /// The prompt's text, without BOS; none without a tokenizer.
    pub text: Option<String>,
}

/// One reveal decision in the current block of a sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Index of the sample.
    pub sample: usize,
    /// Index of the block in the sequence.
    pub block_idx: usize,
    /// Index of the step in the block.
    pub step: usize,
    /// Runs of the network for this sample so far.
    pub passes: usize,
    /// The cells of the block, open ones and masked ones. Where a model's windows overlap (MDLM),
    /// those that the window before opened are given ones.
    pub cells: Vec<Cell>,
    /// Seconds since the sample began.
    pub secs: f64,
}

/// A cell of the current block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Open: the token. Masked: the candidate that was drawn, and not kept.
    pub token: u32,
    /// The token's text by itself; none without a tokenizer.
    pub text: Option<String>,
    /// Masked or open, and since when.
    pub state: CellState,
    /// Probability of the token under the model when it was drawn, 0 to 1; 1 for given and pinned
    /// cells.
    pub confidence: f32,
    /// Entropy of the model's distribution when the token was drawn, in nats.
    pub entropy: f32,
    /// The likeliest tokens, on request, while the cell was masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
}

/// What a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellState {
    /// Part of the prompt.
    Given,
    /// Not yet revealed.
    Masked,
    /// Opened by the host program, see [`crate::sample::Run::steer`].
    Pinned,
    /// Opened at this step of the block.
    Open {
        /// Index of the step.
        step: usize,
    },
}

/// A token that a cell could become.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The token.
    pub token: u32,
    /// Its text by itself; none without a tokenizer.
    pub text: Option<String>,
    /// Its probability under the model, 0 to 1.
    pub probability: f32,
}

/// A finished block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Index of the sample.
    pub sample: usize,
    /// Index of the block in the sequence.
    pub block_idx: usize,
    /// Its tokens, the prompt's included, those of an overlapping window before it not; fewer than
    /// a block where the sequence ends.
    pub ids: Vec<u32>,
    /// New text. Characters that are not complete, and what may become a stop string, come with
    /// a later block. None without a tokenizer.
    pub text: Option<String>,
    /// Runs of the network for this sample so far.
    pub passes: usize,
    /// Seconds since the sample began.
    pub secs: f64,
}

/// Tokens taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retract {
    /// Index of the sample.
    pub sample: usize,
    /// Redraws of the sample so far.
    pub redraws: usize,
    /// Tokens that stay.
    pub n_tokens: usize,
    /// Text that stays, without BOS; none without a tokenizer.
    pub text: Option<String>,
    /// Entropy of the last tokens' histogram, in nats.
    pub entropy: f32,
}

/// A finished sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Index of the sample.
    pub sample: usize,
    /// Seed of the run.
    pub seed: u64,
    /// The whole sequence with BOS.
    pub ids: Vec<u32>,
    /// Its text without BOS; none without a tokenizer.
    pub text: Option<String>,
    /// Length of `ids`.
    pub n_tokens: usize,
    /// Denoising evaluations: steps that opened a cell.
    pub nfe: usize,
    /// Runs of the network, those that only stored keys and values included.
    pub passes: usize,
    /// Seconds since the sample began.
    pub secs: f64,
    /// Why it ended.
    pub stop: StopReason,
    /// Times that the sample was redrawn.
    pub redraws: usize,
}

/// Why a sample ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The length was reached.
    Length,
    /// The second end-of-text token came.
    EndOfText,
    /// A stop string came.
    StopString,
    /// It fell into repetition.
    LowEntropy,
}

impl Event {
    /// Index of the sample that the event is about.
    pub fn sample(&self) -> usize {
        match self {
            Event::Start(Start { sample, .. })
            | Event::Step(Step { sample, .. })
            | Event::Steer(Step { sample, .. })
            | Event::Block(Block { sample, .. })
            | Event::Retract(Retract { sample, .. })
            | Event::Done(Done { sample, .. }) => *sample,
        }
    }
}
