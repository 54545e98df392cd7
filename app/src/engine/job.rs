//! Jobs of the engine's thread that take long and can be cancelled: downloads and loads.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::task::{Context, Poll};

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
    /// stopped in any other way than by unwinding through it, which closes its files and connections;
    /// what is awaited is dropped.
    pub(super) async fn cancellable<T>(
        &self,
        work: impl AsyncFnOnce(&mut dyn FnMut(Progress)) -> Result<T>,
    ) -> Option<Result<T>> {
        let mut progress = |progress: Progress| {
            if cfg!(not(target_arch = "wasm32")) && self.is_cancelled() {
                resume_unwind(Box::new(Cancelled));
            }
            // If the channel is full, the next progress will do.
            if self.notices.try_send(Notice::Progress(progress)).is_ok() {
                self.bell.ring();
            }
        };
        let mut work = pin!(work(&mut progress));
        let polled = |context: &mut Context<'_>| {
            if self.is_cancelled() {
                return Poll::Ready(None);
            }
            let poll = AssertUnwindSafe(|| work.as_mut().poll(context));
            match catch_unwind(poll) {
                Ok(poll) => poll.map(Some),
                Err(payload) if payload.is::<Cancelled>() => Poll::Ready(None),
                Err(payload) => resume_unwind(payload),
            }
        };
        poll_fn(polled).await
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::SeqCst)
    }
}
