//! A thread that owns runs, for host programs that must not wait: a window, a server. The host sends
//! [`Command`]s and receives [`Report`]s, both over bounded channels. In a browser it is a task of the
//! page, and everything else is the same.
//!
//! A run still computes only when it is pulled, one event at a time; runs that are pulled at the same
//! time take turns. Ending a run takes effect after the event that is being computed. Dropping the
//! [`Worker`] ends its runs and joins the thread.
//!
//! ```
//! use bdlm::event::Event;
//! use bdlm::sample::worker::{Command, Report, Worker};
//! use bdlm::sample::{Engine, Request};
//!
//! fn print_text(engine: Engine, request: Request) -> Result<(), Box<dyn std::error::Error>> {
//!     let worker = Worker::spawn(engine, || {})?;
//!     worker.send(Command::Begin { run: 1, request: Box::new(request) });
//!     worker.send(Command::Pull { run: 1, steps: usize::MAX });
//!     loop {
//!         match worker.recv()? {
//!             Report::Event { event, .. } => {
//!                 if let Event::Block(block) = *event {
//!                     print!("{}", block.text.unwrap_or_default());
//!                 }
//!             }
//!             Report::Pulled { is_over: true, .. } => return Ok(()),
//!             Report::Pulled { .. } => {}
//!             Report::Refused { error, .. } | Report::Failed { error, .. } => return Err(error.into()),
//!         }
//!     }
//! }
//! ```

mod backend;
mod handle;
mod message;
mod service;

pub use backend::{Backend, LocalFuture, Stream};
pub use handle::Worker;
pub use message::{Command, Gone, Report};
