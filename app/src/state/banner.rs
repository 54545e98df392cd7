//! An error in the window.

use crate::engine::Source;

/// What happened, why, and a button.
#[derive(Clone, Debug, PartialEq)]
pub struct Banner {
    /// What happened.
    pub sentence: String,
    /// Why.
    pub cause: String,
    /// The button's words, and what it does.
    pub remedy: Option<(String, Remedy)>,
}

/// What the banner's button does.
#[derive(Clone, Debug, PartialEq)]
pub enum Remedy {
    /// Find the model again.
    Find(Source),
    /// Load a model, perhaps again.
    Load(Source),
    /// Choose a model or an adapter.
    ShowModel,
    /// Change the settings.
    ShowSettings,
    /// Begin again.
    Generate,
    /// Go on with the run of training that is in the folder.
    ResumeTraining,
}

impl Banner {
    /// A banner without a button.
    pub fn of(sentence: impl Into<String>, cause: impl Into<String>) -> Banner {
        Banner { sentence: sentence.into(), cause: cause.into(), remedy: None }
    }
}
