//! Evaluation: how likely texts are under a model.

mod copies;
mod estimator;
mod likelihood;
mod scorer;

pub use estimator::{Estimator, FirstToken, Pattern};
pub use likelihood::{Likelihood, LikelihoodOptions, SequenceNll};
pub use scorer::{Score, Scorer, Target};
