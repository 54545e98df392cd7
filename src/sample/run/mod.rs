//! A run: from a request to a stream of events.

mod begin;
mod buffers;
mod capacity;
mod cells;
mod context;
mod denoiser;
mod engine;
mod given_noise;
mod kept;
mod lane;
mod likely;
mod masked_block;
mod memory;
mod noise;
mod pass_shape;
mod request;
mod resume;
mod simplex;
mod simplex_buffers;
mod steer;
mod step_event;
mod stream;
mod task;
mod transcript;
mod windows;

pub use engine::{Engine, LoadOptions};
pub use given_noise::GivenNoise;
pub use kept::Kept;
pub(crate) use masked_block::MaskedBlock;
pub use memory::MemoryPlan;
pub use request::{CachePolicy, Prompt, Request, Watch};
pub use steer::Steer;
pub use stream::Run;
