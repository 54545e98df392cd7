//! What the engine's thread reports to the window.

use bdlm::hub::KeptModel;
use bdlm::sample::Steer;
use bdlm::sample::worker::{Command, Report};

use crate::engine::backend::{Found, Loaded, Progress, Source};

/// A report: of a run, or of a model.
#[derive(Debug)]
pub enum Notice {
    /// Something happened in a run.
    Run(Report),
    /// How far a download or a load has come.
    Progress(Progress),
    /// A model's files are here.
    Found(Box<Found>),
    /// A model is ready.
    Loaded {
        /// What it was loaded from.
        source: Source,
        /// What it is.
        loaded: Box<Loaded>,
    },
    /// The download or the load was cancelled.
    Cancelled,
    /// A model could not be found or loaded.
    Failed {
        /// What was tried.
        what: Attempt,
        /// Why it failed.
        error: bdlm::Error,
    },
    /// The models that a browser keeps.
    Kept(Vec<KeptModel>),
    /// Names of the adapters.
    Adapters(Vec<String>),
    /// The token of a text that is to be pinned.
    Token {
        /// Where to pin it.
        at: SteerAt,
        /// The token, or why there is none.
        token: bdlm::Result<u32>,
    },
}

/// What can fail beside a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Attempt {
    /// Finding a model's files.
    Find(Source),
    /// Loading a model.
    Load(Source),
}

/// A cell that is steered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SteerAt {
    /// The run's number.
    pub run: u64,
    /// Index of the sample.
    pub sample: usize,
    /// Index of the cell in the current block.
    pub cell: usize,
}

impl SteerAt {
    /// The command that steers it.
    pub fn command(self, steer: Steer) -> Command {
        let SteerAt { run, sample, cell } = self;
        Command::Steer { run, sample, cell, steer }
    }
}
