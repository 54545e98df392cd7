//! Evaluation: how likely texts are under a model. `data` turns files and data sets into sequences,
//! an `Estimator` into mask patterns; a `Likelihood` runs the network over both.

mod copies;
pub mod data;
mod estimator;
mod likelihood;
mod report;
mod scorer;

pub use estimator::{Estimator, FirstToken, Pattern};
pub use likelihood::{Likelihood, LikelihoodOptions, SequenceNll};
pub use report::{PplReport, SequenceResult, Settings};
pub use scorer::{Score, Scorer, Target};
