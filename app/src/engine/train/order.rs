//! What is ordered of training, and what begins it.

use std::ops::ControlFlow;
use std::path::PathBuf;

use bdlm::Result;
use bdlm::train::{BlockSizes, Length, TrainEvent};

/// What to train, and on what.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOrder {
    /// Files and folders of texts to train on.
    pub data: Vec<PathBuf>,
    /// Those to evaluate on.
    pub valid: Vec<PathBuf>,
    /// The model to begin with; a new network if absent.
    pub from: Option<String>,
    /// Layers of a new network.
    pub layers: usize,
    /// Its channels.
    pub channels: usize,
    /// Its heads.
    pub heads: usize,
    /// Its vocabulary, learnt from the texts.
    pub vocabulary: usize,
    /// Tokens of a sequence; a model's own window if absent.
    pub window: Option<usize>,
    /// Tokens of a block; a model's own if absent.
    pub block_sizes: Option<BlockSizes>,
    /// When it ends.
    pub length: Length,
    /// Sequences of a step.
    pub batch: usize,
    /// The highest learning rate.
    pub rate: f64,
    /// Seed of the run.
    pub seed: u64,
    /// Steps from one validation, sample and save to the next.
    pub check_every: usize,
    /// Beginning of the samples.
    pub prompt: String,
    /// The folder of the run.
    pub out: PathBuf,
    /// Go on with the run in the folder, if there is one.
    pub resumes: bool,
    /// Part of an adapter's name; the best one if absent.
    pub adapter: Option<String>,
    /// Where compiled kernels are kept.
    pub cache: Option<PathBuf>,
}

/// A stream of events that is pulled.
pub trait TrainStream {
    /// The next event; none at the end.
    ///
    /// # Errors
    /// Those of the library.
    fn next(&mut self) -> Result<Option<TrainEvent>>;

    /// Ends the run before its end, and saves it.
    ///
    /// # Errors
    /// Those of the library.
    fn stop(self: Box<Self>) -> Result<Vec<TrainEvent>>;
}

/// Is told in words what is done before the first step, which ends if it breaks.
pub type Prepare<'a> = &'a mut (dyn FnMut(String) -> ControlFlow<()> + Send);

/// Begins a run of an order; none if it was stopped before its first step.
pub type Begin =
    Box<dyn Fn(TrainOrder, Prepare<'_>) -> Result<Option<Box<dyn TrainStream>>> + Send + Sync>;
