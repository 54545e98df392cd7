//! A run: from a request to a stream of events.

mod buffers;
mod capacity;
mod cells;
mod denoiser;
mod engine;
mod lane;
mod memory;
mod noise;
mod request;
mod steer;
mod step_event;
mod stream;
mod task;
mod transcript;

pub use capacity::Capacity;
pub use denoiser::{Denoiser, PassShape};
pub use engine::Engine;
pub use memory::MemoryPlan;
pub use request::{CachePolicy, Prompt, Request, Watch};
pub use steer::Steer;
pub use stream::Run;
