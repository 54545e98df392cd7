//! Jobs of the engine's thread that take long and can be cancelled: downloads and loads.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;

use bdlm::Result;

use crate::engine::backend::Progress;
use crate::engine::bell::Bell;
use crate::engine::notice::Notice;

/// The thread's end of the window's channel.
#[derive(Clone)]
pub(super) struct Outbox {
    pub(super) notices: SyncSender<Notice>,
    pub(super) cancel: Arc<AtomicBool>,
    pub(super) bell: Arc<Bell>,
}

/// The payload of an unwinding that is not a panic.
struct Cancelled;

impl Outbox {
    /// Sends a notice; in vain if the window is gone.
    pub(super) fn send(&self, notice: Notice) {
        if self.notices.send(notice).is_ok() {
            self.bell.ring();
        }
    }

    /// Does something that reports its progress; none if it was cancelled. The hub's client cannot be
    /// stopped in any other way than by unwinding through it, which closes its files and connections.
    pub(super) fn cancellable<T>(
        &self,
        work: impl FnOnce(&mut dyn FnMut(Progress)) -> Result<T>,
    ) -> Option<Result<T>> {
        let mut progress = |progress: Progress| {
            if self.cancel.load(Ordering::SeqCst) {
                resume_unwind(Box::new(Cancelled));
            }
            // If the channel is full, the next progress will do.
            if self.notices.try_send(Notice::Progress(progress)).is_ok() {
                self.bell.ring();
            }
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut progress)));
        outcome.map_or_else(
            |payload: Box<dyn Any + Send>| match payload.is::<Cancelled>() {
                true => None,
                false => resume_unwind(payload),
            },
            Some,
        )
    }
}
