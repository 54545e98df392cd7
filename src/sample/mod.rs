//! Sampling: which cells open when (`steps`), the run that pulls it all (`run`), and chats (`chat`).

mod chat;
mod run;
mod steps;
#[cfg(feature = "worker")]
pub mod worker;

pub use chat::Chat;
pub(crate) use run::MaskedBlock;
pub use run::{
    CachePolicy, Engine, GivenNoise, Kept, LoadOptions, MemoryPlan, Prompt, Request, Run, Steer,
    Watch,
};
pub use steps::{
    BlockSize, ContextPolicy, Ends, Fallback, Measure, Nucleus, Projection, Quota, Rule, Sampler,
    SamplerKind, SamplerNumber, SamplerNumbers, Sampling, Score, Simplex, StepUniform, Steps, Test,
    entropy,
};
