//! The engine behind the window: what it can do, and the thread on which it does it.

mod backend;
mod bell;
mod chat;
mod choices;
mod job;
mod native;
mod notice;
mod thread;
mod train_thread;
mod training;

pub use backend::{Backend, Found, Loaded, Progress, Source};
pub use chat::{Ask, ChatModel};
pub use choices::Choices;
pub use native::EngineBackend;
pub use notice::{Attempt, Notice, SteerAt};
pub use thread::EngineThread;
pub use train_thread::{TrainNotice, TrainThread};
pub use training::{Begin, Prepare, TrainOrder, TrainStream};
