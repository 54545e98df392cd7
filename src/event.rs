//! The events of a run, as plain data. Those of a sample come in the order
//! `Start (((Step | Steer)* Block)* Retract?)* Done`. The samples of a batch interleave; each event
//! names its sample. The JSON form is part of the API.

use serde::{Deserialize, Serialize};

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A sample begins.
    Start(Start),
    /// A block begins, all masked: step 0. Or cells of it were drawn, some opened. Only in watched runs.
    Step(Step),
    /// The host program opened or masked cells of the current block, see [`crate::sample::Run::steer`].
    Steer(Step),
    /// A block is finished: its tokens will not change.
    Block(Block),
    /// Finished tokens are taken back, since the sample repeats itself.
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
    /// Cells that are generated at a time: those of a block, or of the window if the model has no blocks.
    pub block_size: usize,
    /// Positions that the network sees at once.
    pub window: usize,
    /// Tokens of the finished sequence, unless it stops early.
    pub length: usize,
    /// BOS and the prompt.
    pub ids: Vec<u32>,
    /// The prompt's text, without BOS; none without a tokenizer.
    pub text: Option<String>,
    /// Tokens that a cell may become: those of the vocabulary but for the mask token. None in
    /// recordings that are older than this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_drawable: Option<usize>,
}

/// One reveal decision in the current block of a sample. Step 0 is before the first decision: all
/// cells are masked, see [`Cell::is_blank`]; models that write token by token begin with step 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Index of the sample.
    pub sample: usize,
    /// Index of the block in the sequence.
    pub block_idx: usize,
    /// Number of the step in the block, from 1; 0 before the first decision. Numbers at which no cell
    /// opens are left out.
    pub step: usize,
    /// Runs of the network for this sample so far.
    pub passes: usize,
    /// The cells of the block, open and masked. Where the windows of a model overlap (MDLM), cells
    /// that were opened in the window before are [`CellState::Given`].
    pub cells: Vec<Cell>,
    /// Seconds since the sample began.
    pub secs: f64,
}

/// A cell of the current block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The token of an open cell; the candidate of a masked one, which was drawn and not kept; the mask
    /// token at step 0.
    pub token: u32,
    /// The token's text by itself, empty at step 0; none without a tokenizer.
    pub text: Option<String>,
    /// Masked or open, and since when.
    pub state: CellState,
    /// Probability of the token under the model when it was drawn, 0 to 1. Given and pinned cells
    /// have 1, those at step 0 have 0.
    pub confidence: f32,
    /// Entropy of the model's distribution when the token was drawn, in nats.
    pub entropy: f32,
    /// Rank of the token among all that could be drawn, from 1, in falling order of the model's
    /// probability; if the request asks for candidates and the cell was masked before the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// The likeliest tokens, if the request asks for them and the cell was masked before the step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
}

/// Whether a cell is open, and who opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellState {
    /// Part of the prompt, or of the window before, or led to by the block before.
    Given,
    /// Not yet open.
    Masked,
    /// Opened by the host program, see [`crate::sample::Run::steer`].
    Pinned,
    /// Opened at this step of the block.
    Open {
        /// Number of the step.
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
    /// Its tokens. Those of the prompt are included, those of an overlapping window before it are
    /// not. The last block of a sequence may be shorter.
    pub ids: Vec<u32>,
    /// The new text. An incomplete character, and what may be the beginning of a stop string, come
    /// with a later block. None without a tokenizer.
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
    /// How often the sample was redrawn so far.
    pub redraws: usize,
    /// Number of tokens that stay.
    pub n_tokens: usize,
    /// The text that stays, without BOS; none without a tokenizer.
    pub text: Option<String>,
    /// Entropy of the last 256 tokens, in nats.
    pub entropy: f32,
}

/// A finished sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Index of the sample.
    pub sample: usize,
    /// Seed of the run.
    pub seed: u64,
    /// The whole sequence with BOS. Where a stop token ended it, its block may go on behind it.
    pub ids: Vec<u32>,
    /// Its text without BOS and without what a stop ended; none without a tokenizer.
    pub text: Option<String>,
    /// Length of `ids`.
    pub n_tokens: usize,
    /// Denoising evaluations: steps that opened a cell.
    pub nfe: usize,
    /// Runs of the network, including those that only store keys and values.
    pub passes: usize,
    /// Runs over the prompt, as the published loops for this model count them.
    #[serde(default)]
    pub prefill: usize,
    /// Runs over masked blocks.
    #[serde(default)]
    pub denoise: usize,
    /// Runs over finished blocks, as the published loops count them: here the next block's first run
    /// often does their work.
    #[serde(default)]
    pub commit: usize,
    /// Seconds since the sample began.
    pub secs: f64,
    /// Why it ended.
    pub stop: StopReason,
    /// How often the sample was redrawn.
    pub redraws: usize,
}

/// Why a sample ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The sequence has the length that was asked for.
    Length,
    /// The second end-of-text token came.
    EndOfText,
    /// A stop string came.
    StopString,
    /// A token came that ends an answer.
    StopToken,
    /// The entropy of its last tokens is too low: it repeats itself.
    LowEntropy,
}

impl Cell {
    /// True if no token was drawn for it yet: a masked cell at step 0.
    pub fn is_blank(&self) -> bool {
        self.state == CellState::Masked && self.confidence == 0.0 && self.candidates.is_empty()
    }
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
