//! Runs on disk: an index, and a file of events for each run. And conversations, a file for each. Written
//! and read on a thread of its own. A page has no disk, and keeps both while it is open.

#[cfg(not(target_arch = "wasm32"))]
mod folder;
mod order;
#[cfg(not(target_arch = "wasm32"))]
mod talks;
#[cfg(not(target_arch = "wasm32"))]
mod thread;
#[cfg(target_arch = "wasm32")]
mod web;
#[cfg(not(target_arch = "wasm32"))]
mod write;

#[cfg(not(target_arch = "wasm32"))]
pub use folder::{Folder, MAX_BYTES};
pub use order::{Answer, Order};
#[cfg(not(target_arch = "wasm32"))]
pub use thread::{Found, Store};
#[cfg(target_arch = "wasm32")]
pub use web::Store;
