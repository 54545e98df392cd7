//! Training: what is ordered, and the thread that does it. A page cannot train: it has neither texts on a
//! disk nor a place for a model.

#[cfg(not(target_arch = "wasm32"))]
mod library;
mod notice;
mod order;
#[cfg(not(target_arch = "wasm32"))]
mod thread;
#[cfg(target_arch = "wasm32")]
mod web;

pub use notice::TrainNotice;
pub use order::{Begin, Prepare, TrainOrder, TrainStream};
#[cfg(not(target_arch = "wasm32"))]
pub use thread::TrainThread;
#[cfg(target_arch = "wasm32")]
pub use web::TrainThread;
