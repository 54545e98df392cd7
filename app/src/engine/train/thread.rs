//! The thread that trains, as the window sees it. The window never waits for it; closing the window
//! waits a moment, and leaves what the last save holds.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::engine::train::notice::TrainNotice;
use crate::engine::train::order::{Begin, TrainOrder, TrainStream};

/// How long closing the window waits for the thread: files are renamed into place when they are whole,
/// so that a thread that is cut off leaves the last save.
const FAREWELL: Duration = Duration::from_millis(200);

/// What the thread is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Go,
    Pause,
    /// Save, and end.
    Stop,
    /// End as it is: the window is gone.
    Leave,
}

/// The window's end.
pub struct TrainThread {
    wish: Arc<(Mutex<Wish>, Condvar)>,
    /// Without a bound: a window that is hidden reads nothing, and training goes on. Events are small.
    notices: Receiver<TrainNotice>,
    /// Closed by the thread when it ends.
    ended: Receiver<()>,
}

/// The thread's end.
struct Work {
    wish: Arc<(Mutex<Wish>, Condvar)>,
    notices: Sender<TrainNotice>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl TrainThread {
    /// Starts the thread with an order; `wake` is called after each notice.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn spawn(
        order: TrainOrder,
        begin: Arc<Begin>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<TrainThread> {
        let ((sender, notices), (end, ended)) = (channel(), channel::<()>());
        let wish = Arc::new((Mutex::new(Wish::Go), Condvar::new()));
        let work = Work { wish: wish.clone(), notices: sender, wake: Box::new(wake) };
        let train = move || {
            work.run(order, &begin);
            drop(end);
        };
        thread::Builder::new().name("bdlm-train".into()).spawn(train)?;
        Ok(TrainThread { wish, notices, ended })
    }

    /// Waits after the step that is being computed.
    pub fn pause(&self) {
        self.want(Wish::Pause);
    }

    /// Goes on after a pause.
    pub fn go_on(&self) {
        self.want(Wish::Go);
    }

    /// Ends after the step that is being computed, and saves.
    pub fn stop(&self) {
        self.want(Wish::Stop);
    }

    fn want(&self, wanted: Wish) {
        let (wish, changed) = &*self.wish;
        *wish.lock().unwrap_or_else(PoisonError::into_inner) = wanted;
        changed.notify_all();
    }

    /// The next notice, if there is one.
    pub fn try_recv(&self) -> Option<TrainNotice> {
        self.notices.try_recv().ok()
    }

    /// True if the thread has ended.
    pub fn has_ended(&self) -> bool {
        self.ended.try_recv() == Err(std::sync::mpsc::TryRecvError::Disconnected)
    }
}

impl Drop for TrainThread {
    fn drop(&mut self) {
        self.want(Wish::Leave);
        // Disconnected or not: it ends with the process.
        let _: Result<(), RecvTimeoutError> = self.ended.recv_timeout(FAREWELL);
    }
}

impl Work {
    fn run(&self, order: TrainOrder, begin: &Begin) {
        let begun = begin(order, &mut |words| {
            self.send(TrainNotice::Preparing(words));
            match self.wish() {
                Wish::Go | Wish::Pause => ControlFlow::Continue(()),
                Wish::Stop | Wish::Leave => ControlFlow::Break(()),
            }
        });
        let outcome = begun.and_then(|stream| match (stream, self.wish()) {
            (Some(stream), _) => self.pull(stream),
            (None, Wish::Leave) => Ok(None),
            (None, _) => Ok(Some(TrainNotice::Stopped)),
        });
        match outcome {
            Ok(Some(last)) => self.send(last),
            Ok(None) => {}
            Err(error) => self.send(TrainNotice::Failed(error)),
        }
    }

    /// Pulls until the end; the last notice, none if the window is gone.
    fn pull(&self, mut stream: Box<dyn TrainStream>) -> bdlm::Result<Option<TrainNotice>> {
        loop {
            match self.wait() {
                Wish::Leave => return Ok(None),
                Wish::Stop => {
                    for event in stream.stop()? {
                        self.send(TrainNotice::Event(Box::new(event)));
                    }
                    return Ok(Some(TrainNotice::Stopped));
                }
                Wish::Go | Wish::Pause => {}
            }
            match stream.next()? {
                Some(event) => self.send(TrainNotice::Event(Box::new(event))),
                None => return Ok(Some(TrainNotice::Finished)),
            }
        }
    }

    fn wish(&self) -> Wish {
        *self.wish.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while there is a pause; what is wanted then.
    fn wait(&self) -> Wish {
        let (wish, changed) = &*self.wish;
        let mut wanted = wish.lock().unwrap_or_else(PoisonError::into_inner);
        if *wanted != Wish::Pause {
            return *wanted;
        }
        self.send(TrainNotice::Paused);
        while *wanted == Wish::Pause {
            wanted = changed.wait(wanted).unwrap_or_else(PoisonError::into_inner);
        }
        let wanted = *wanted;
        if wanted == Wish::Go {
            self.send(TrainNotice::GoesOn);
        }
        wanted
    }

    fn send(&self, notice: TrainNotice) {
        // In vain if the window is gone.
        if self.notices.send(notice).is_ok() {
            (self.wake)();
        }
    }
}
