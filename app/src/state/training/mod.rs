//! Training: what is filled in, and what the run has reported.

mod form;
mod run;

pub use form::TrainForm;
pub use run::{TrainStage, Training};

/// Something to do about training.
#[derive(Clone, Debug, PartialEq)]
pub enum TrainAction {
    /// Show it.
    Show,
    /// Begin a run, or go on with the one that is in the folder.
    Begin {
        /// Go on with it.
        resumes: bool,
    },
    /// Wait after this step.
    Pause,
    /// Go on after a pause.
    GoOn,
    /// End after this step, and save.
    Stop,
    /// Load the result.
    OpenModel,
    /// Change what is filled in.
    Edit(Box<TrainForm>),
}
