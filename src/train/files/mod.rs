//! Runs of training on a computer's disk: texts as tokens, the model, the state to go on from.

mod cache;
mod folder;
mod run;
mod setup;
mod state;

pub use cache::{CachedTokens, tokens};
pub use folder::{Earlier, RunFolder};
pub use run::{RunFiles, TrainRun};
pub use setup::{Beginning, Preparing, RunSetup};
pub use state::{Header, SavedState};
