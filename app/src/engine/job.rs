//! Jobs of the engine's thread that take long and can be cancelled: downloads and loads.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use async_channel::Sender;

use bdlm::Result;

use crate::engine::backend::Progress;
use crate::engine::bell::Bell;
use crate::engine::notice::Notice;

/// The thread's end of the window's channel.
#[derive(Clone)]
pub(super) struct Outbox {
    pub(super) notices: Sender<Notice>,
    pub(super) cancel: Arc<Cancel>,
    pub(super) bell: Arc<Bell>,
}

/// Whether what is being done is to end, and who waits for it.
#[derive(Default)]
pub(super) struct Cancel {
    is_wanted: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Cancel {
    /// Something begins.
    pub(super) fn begin(&self) {
        self.is_wanted.store(false, Ordering::SeqCst);
    }

    /// Ends it, also where it waits for a server that says nothing.
    pub(super) fn end(&self) {
        self.is_wanted.store(true, Ordering::SeqCst);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        waker.into_iter().for_each(Waker::wake);
    }

    /// True if it is to end.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::SeqCst)
    }

    fn keep(&self, waker: &Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }
}

/// The payload of an unwinding that is not a panic.
struct Cancelled;

impl Outbox {
    /// Sends a notice; in vain if the window is gone.
    pub(super) async fn send(&self, notice: Notice) {
        if self.notices.send(notice).await.is_ok() {
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
            if cfg!(not(target_arch = "wasm32")) && self.cancel.is_wanted() {
                resume_unwind(Box::new(Cancelled));
            }
            // If the channel is full, the next progress will do.
            if self.notices.try_send(Notice::Progress(progress)).is_ok() {
                self.bell.ring();
            }
        };
        let mut work = pin!(work(&mut progress));
        let polled = |context: &mut Context<'_>| {
            self.cancel.keep(context.waker());
            if self.cancel.is_wanted() {
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
}
