//! A run: from a request to a stream of events.

mod buffers;
mod capacity;
mod cells;
mod denoiser;
mod engine;
mod lane;
mod masked_block;
mod memory;
mod noise;
mod request;
mod steer;
mod step_event;
mod stream;
mod task;
mod transcript;

pub use engine::{Engine, LoadOptions};
pub(crate) use masked_block::MaskedBlock;
pub use memory::MemoryPlan;
pub use request::{CachePolicy, Prompt, Request, Watch};
pub use steer::Steer;
pub use stream::Run;
