//! What the worker drives: an [`Engine`], or what a host program or a test puts in its place.

use std::pin::Pin;

use crate::Result;
use crate::event::Event;
use crate::sample::{Engine, Request, Run, Steer};

/// Something that is awaited where it was begun: it never moves to another thread.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Begins runs.
pub trait Backend: Send + 'static {
    /// A run. It never leaves the worker's thread.
    type Run: Stream;

    /// Begins to generate.
    ///
    /// # Errors
    /// As [`Engine::run`].
    fn begin(&mut self, request: Request) -> Result<Self::Run>;
}

/// A stream of events that is pulled.
pub trait Stream {
    /// The next event; none when all samples are done.
    ///
    /// # Errors
    /// As [`Run::next_async`].
    fn next(&mut self) -> LocalFuture<'_, Result<Option<Event>>>;

    /// Steers one cell of a sample's current block.
    ///
    /// # Errors
    /// As [`Run::steer`].
    fn steer(&mut self, sample: usize, cell: usize, steer: Steer) -> Result<()>;
}

impl Backend for Engine {
    type Run = Run;

    fn begin(&mut self, request: Request) -> Result<Run> {
        self.run(request)
    }
}

impl Stream for Run {
    fn next(&mut self) -> LocalFuture<'_, Result<Option<Event>>> {
        Box::pin(self.next_async())
    }

    fn steer(&mut self, sample: usize, cell: usize, steer: Steer) -> Result<()> {
        Run::steer(self, sample, cell, steer)
    }
}

impl<S: Stream + ?Sized> Stream for Box<S> {
    fn next(&mut self) -> LocalFuture<'_, Result<Option<Event>>> {
        (**self).next()
    }

    fn steer(&mut self, sample: usize, cell: usize, steer: Steer) -> Result<()> {
        (**self).steer(sample, cell, steer)
    }
}
