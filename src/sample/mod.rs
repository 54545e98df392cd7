//! Sampling: which cells open when (`steps`), the run that pulls it all (`run`), and chats (`chat`).

mod chat;
mod run;
mod steps;
#[cfg(all(feature = "threads", not(target_arch = "wasm32")))]
pub mod worker;

pub use chat::Chat;
pub(crate) use run::MaskedBlock;
pub use run::{
    CachePolicy, Engine, Kept, LoadOptions, MemoryPlan, Prompt, Request, Run, Steer, Watch,
};
pub use steps::{
    BlockSize, Ends, Fallback, Measure, Nucleus, Quota, Rule, Sampler, SamplerKind, SamplerNumber,
    SamplerNumbers, Sampling, Score, StepUniform, Steps, Test, entropy,
};
