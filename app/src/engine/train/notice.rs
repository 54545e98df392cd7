//! What training reports to the window.

use bdlm::Error;
use bdlm::train::TrainEvent;

/// What the thread reports.
#[derive(Debug)]
pub enum TrainNotice {
    /// What is done before the first step.
    Preparing(String),
    /// Something happened.
    Event(Box<TrainEvent>),
    /// It waits.
    Paused,
    /// It goes on after a pause.
    GoesOn,
    /// It was stopped, and is saved unless it had not begun.
    Stopped,
    /// It is at its end, and is saved.
    Finished,
    /// It has failed; what was saved stays.
    Failed(Error),
}
