//! Evaluation: how likely texts are under a model.

mod copies;
mod estimator;
mod likelihood;
mod report;
mod scorer;

pub use estimator::{Estimator, FirstToken, Pattern};
pub use likelihood::{Likelihood, LikelihoodOptions, SequenceNll};
pub use report::{PplReport, SequenceResult, Settings};
pub use scorer::{Score, Scorer, Target};
