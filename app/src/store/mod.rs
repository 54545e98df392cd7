//! Runs on disk: an index, and a file of events for each run. Written and read on a thread of its own.

mod folder;
mod thread;

pub use folder::{Folder, MAX_BYTES};
pub use thread::{Answer, Order, Store};
