//! What goes over the channels. The host program gives every run a number of its own.

use crate::Error;
use crate::event::Event;
use crate::sample::worker::backend::LocalFuture;
use crate::sample::{Request, Steer};

/// What the host program wants.
#[derive(Clone, Debug)]
pub enum Command {
    /// Begin a run; a run of the same number ends.
    Begin {
        /// The run's number.
        run: u64,
        /// What to generate.
        request: Box<Request>,
    },
    /// Compute more steps; [`Report::Pulled`] says that they are done.
    Pull {
        /// The run's number.
        run: u64,
        /// How many [`Event::Step`]s, [`Event::Steer`]s and [`Event::Done`]s; the events between
        /// them come too.
        steps: usize,
    },
    /// Steer a cell of the current block, and pull one step more: the [`Event::Steer`].
    Steer {
        /// The run's number.
        run: u64,
        /// Index of the sample.
        sample: usize,
        /// Index of the cell in the block.
        cell: usize,
        /// What to do with it.
        steer: Steer,
    },
    /// Drop a run. Nothing is reported of it from then on.
    End {
        /// The run's number.
        run: u64,
    },
}

/// What the worker reports.
#[derive(Debug)]
pub enum Report {
    /// Something happened in a run. Its seconds count computing only, not the time between pulls.
    Event {
        /// The run's number.
        run: u64,
        /// What happened.
        event: Box<Event>,
    },
    /// The steps that were pulled are done; there will be no more events without another pull.
    Pulled {
        /// The run's number.
        run: u64,
        /// True if there are no more events at all, also of a run that was never begun.
        is_over: bool,
    },
    /// A cell could not be steered; the run is as before.
    Refused {
        /// The run's number.
        run: u64,
        /// Why.
        error: Error,
    },
    /// A run could not begin, or ended with an error.
    Failed {
        /// The run's number.
        run: u64,
        /// Why.
        error: Error,
    },
}

/// The worker has ended: its backend has panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine's worker has ended")]
pub struct Gone;

/// What the worker receives.
pub(super) enum Message<B> {
    Command(Command),
    Job(Job<B>),
}

/// Something else to do with the backend.
pub(super) type Job<B> = Box<dyn FnOnce(&mut B) -> LocalFuture<'_, ()> + Send>;
