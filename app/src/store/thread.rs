//! The thread that writes and reads runs: the window never waits for the disk.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use crate::state::{Kept, KeptTalk};
use crate::store::folder::Folder;
use crate::store::talks::Talks;
use crate::store::{Answer, Order};

/// The window's end.
pub struct Store {
    orders: Option<Sender<Order>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
}

/// What was there before.
pub struct Found {
    /// The runs, the oldest first.
    pub runs: Vec<Kept>,
    /// The conversations, the oldest first.
    pub talks: Vec<KeptTalk>,
}

impl Store {
    /// Starts the thread; `wake` is called after each answer. Also returns what is there.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn open(
        folder: Folder,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<(Store, Found)> {
        let talks = folder.talks();
        let found = Found { runs: folder.index(), talks: talks.all() };
        let ((orders, inbox), (outbox, answers)) = (channel(), channel());
        let serve = move || {
            for order in inbox {
                if let Some(answer) = obey(&folder, &talks, order) {
                    let _ = outbox.send(answer);
                    wake();
                }
            }
        };
        let thread = thread::Builder::new().name("bdlm-store".into()).spawn(serve)?;
        Ok((Store { orders: Some(orders), answers, thread: Some(thread) }, found))
    }

    /// Sends an order.
    pub fn send(&self, order: Order) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(order);
        }
    }

    /// The next answer, if there is one.
    pub fn try_recv(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}

fn obey(folder: &Folder, talks: &Talks, order: Order) -> Option<Answer> {
    let failed = |outcome: Result<(), String>| outcome.err().map(Answer::Failed);
    match order {
        Order::Write(id, recording) => failed(folder.write_run(id, &recording)),
        Order::Index(runs) => match folder.write_index(&runs).and_then(|()| folder.bound(&runs)) {
            Ok(gone) => (!gone.is_empty()).then_some(Answer::Dropped(gone)),
            Err(cause) => Some(Answer::Failed(cause)),
        },
        Order::Read(id) => Some(Answer::Read(id, folder.read_run(id))),
        Order::Remove(id) => {
            folder.remove(id);
            None
        }
        Order::Keep(talk) => failed(talks.write(&talk)),
        Order::Forget(id) => {
            talks.remove(id);
            None
        }
    }
}

impl Drop for Store {
    /// What was ordered is written first.
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
