//! Sampling: what to draw and reveal, when to stop, and the run that pulls it all.

mod bench;
mod capacity;
mod cells;
mod denoiser;
mod engine;
mod geometry;
mod kind;
mod lane;
mod noise;
mod random;
mod request;
mod run;
mod sampler;
mod steer;
mod stop;
mod tell;
#[cfg(feature = "threads")]
pub mod worker;

pub use bench::{Bench, PassTimes};
pub use capacity::MemoryPlan;
pub use engine::Engine;
pub use kind::{SamplerKind, SamplerNumber, SamplerNumbers};
pub use request::{CachePolicy, Prompt, Request, Watch};
pub use run::Run;
pub use sampler::{Sampler, Sampling, StepUniform};
pub use steer::Steer;
pub use stop::entropy;
