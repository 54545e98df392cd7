//! Sampling: which cells open when (`steps`), and the run that pulls it all (`run`).

mod run;
mod steps;
#[cfg(all(feature = "threads", not(target_arch = "wasm32")))]
pub mod worker;

pub(crate) use run::MaskedBlock;
pub use run::{CachePolicy, Engine, LoadOptions, MemoryPlan, Prompt, Request, Run, Steer, Watch};
pub use steps::{
    Sampler, SamplerKind, SamplerNumber, SamplerNumbers, Sampling, StepUniform, entropy,
};
