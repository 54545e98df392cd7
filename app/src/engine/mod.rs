//! The engine behind the window: what it can do, and the thread on which it does it.

mod backend;
mod bell;
mod chat;
mod choices;
mod describe;
mod files;
mod job;
mod library;
mod notice;
mod thread;
mod train;

pub use backend::{Backend, Found, Loaded, Progress, Source};
pub use chat::{Ask, ChatModel};
pub use choices::Choices;
pub use library::EngineBackend;
pub use notice::{Attempt, Notice, SteerAt};
pub use thread::EngineThread;
pub use train::{Begin, Prepare, TrainNotice, TrainOrder, TrainStream, TrainThread};
