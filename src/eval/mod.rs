//! Evaluation: how likely texts are under a model. `data` turns files and data sets into sequences,
//! an `Estimator` into mask patterns; a `Likelihood` runs the network over both.

mod copies;
pub mod data;
mod estimator;
mod generative;
mod generative_report;
mod likelihood;
mod report;
mod scorer;
mod sums;
mod turns;

pub use estimator::{Estimator, FirstToken, Pattern};
pub use generative::{GenerativeScorer, SampleScore, Window, windows};
pub use generative_report::{GenerativeReport, ScoredSample, Summary};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use likelihood::check_has_likelihood;
pub use likelihood::{Likelihood, LikelihoodOptions, Sequence};
pub use report::{Cut, Inputs, PplReport, SequenceResult, Settings};
pub use scorer::{Score, Scorer, Target};
pub use sums::SequenceNll;
pub use turns::{Turn, turns};
