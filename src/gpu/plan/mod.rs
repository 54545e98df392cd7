//! Plans: recorded once, compiled, bound, replayed, timed. Knows tensors, and no kernel by name.

mod commands;
mod pace;
mod pipelines;
mod profile;
mod record;
mod recorded;
mod replay;
mod source;

pub use commands::{Commands, Sent};
pub use pace::Pace;
pub use profile::{KernelTime, Profiler};
pub use record::Recorder;
pub use replay::{Dispatched, Plan};
pub use source::KernelSource;
