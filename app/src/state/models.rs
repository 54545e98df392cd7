//! The model that runs use, and the one to load next.

use bdlm::hub::KeptModel;

use crate::engine::{Attempt, Found, Loaded, Progress, Source};

/// Models and adapters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Models {
    /// The model that runs begin with.
    pub loaded: Option<Box<Loaded>>,
    /// What is being found or loaded.
    pub busy: Option<Progress>,
    /// A model that was found and not loaded.
    pub found: Option<Found>,
    /// The model and the adapter that the sheet names.
    pub source: Source,
    /// Models that the browser keeps, once they were asked for.
    pub kept: Vec<KeptModel>,
    /// Names of the adapters, once they were asked for.
    pub adapters: Option<Vec<String>>,
    /// What the loaded model was loaded from.
    pub loaded_from: Source,
}

impl Models {
    /// Something is being found or loaded.
    pub fn begin(&mut self, what: &Attempt) {
        let what = match what {
            Attempt::Find(source) => format!("Finding {}", source.name),
            Attempt::Load(source) => format!("Loading {}", source.name),
        };
        self.busy = Some(Progress { what, part: None });
    }

    /// True if the loaded model is ready.
    pub fn is_ready(&self) -> bool {
        self.loaded.is_some() && self.busy.is_none()
    }
}
