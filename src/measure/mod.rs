//! How fast a machine is: passes, texts, likelihoods and single kernels, and which kernels are the
//! fastest on an adapter. And whether they compute what they should there.

mod attention_cases;
mod cases;
mod ceilings;
mod compare;
mod counts;
mod kernels;
mod likelihood;
mod passes;
mod prompt;
mod report;
mod self_test;
mod spread;
mod text;
mod timer;
mod training;
mod tune;
pub mod twins;

pub use cases::{Case, Product, Sizes};
pub use ceilings::{Ceilings, Chain};
pub use compare::{Comparison, Ratio};
pub use counts::{KernelCounts, PassCounts};
pub use kernels::{KernelSpeed, Kernels};
pub use likelihood::LikelihoodTime;
pub use passes::{Bench, Passes};
pub use prompt::PromptTime;
pub use report::BenchReport;
pub use self_test::{
    KernelCheck, Trusted, Verdict, check_kernels, checked, trusted, trusted_for_draws,
};
pub use spread::Spread;
pub use text::TextTime;
pub use training::TrainTime;
pub use tune::{Candidate, Tuned, Tuner};
