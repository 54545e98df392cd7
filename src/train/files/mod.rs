//! Runs of training on a computer's disk: texts as tokens, the model, the state to go on from.

mod cache;
mod folder;
#[cfg(feature = "plots")]
mod log;
mod run;
mod setup;
mod state;

pub use cache::{CachedTokens, tokens};
pub use folder::{Earlier, RunFolder};
#[cfg(feature = "plots")]
pub use log::Log;
pub use run::{RunFiles, TrainRun};
pub use setup::{Beginning, Preparing, RunSetup};
pub use state::{Header, SavedState};
