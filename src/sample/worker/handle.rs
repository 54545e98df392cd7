//! The host program's end of the channels.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use crate::sample::worker::backend::Backend;
use crate::sample::worker::message::{Command, Gone, Message, Report};
use crate::sample::worker::service::Service;

/// Commands that can wait for the thread.
const COMMANDS: usize = 64;
/// Reports that can wait for the host program, before the thread waits for it.
const REPORTS: usize = 64;

/// A thread that owns a backend and its runs. Joined on drop.
pub struct Worker<B: Backend> {
    messages: Option<SyncSender<Message<B>>>,
    reports: Option<Receiver<Report>>,
    thread: Option<JoinHandle<()>>,
}

impl<B: Backend> Worker<B> {
    /// Starts the thread; `wake` is called there after each report, for host programs that sleep
    /// until something happens.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn spawn(backend: B, wake: impl Fn() + Send + 'static) -> std::io::Result<Worker<B>> {
        let (messages, inbox) = sync_channel(COMMANDS);
        let (outbox, reports) = sync_channel(REPORTS);
        #[allow(clippy::disallowed_methods, reason = "joined when the worker is dropped")]
        let builder = std::thread::Builder::new().name("bdlm-engine".into());
        let serve = move || Service::new(backend, inbox, outbox, Box::new(wake)).serve();
        let thread = builder.spawn(serve)?;
        Ok(Worker { messages: Some(messages), reports: Some(reports), thread: Some(thread) })
    }

    /// Sends a command, without waiting; false if the thread has ended, or does not keep up.
    pub fn send(&self, command: Command) -> bool {
        self.post(Message::Command(command))
    }

    /// Lets the thread do something else with the backend, such as loading another model; false if
    /// the thread has ended, or does not keep up. Runs go on afterwards; what the job has to say
    /// goes over a channel of the host program's own.
    pub fn call(&self, job: impl FnOnce(&mut B) + Send + 'static) -> bool {
        self.post(Message::Job(Box::new(job)))
    }

    fn post(&self, message: Message<B>) -> bool {
        self.messages.as_ref().is_some_and(|messages| messages.try_send(message).is_ok())
    }

    /// The next report, if there is one.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn try_recv(&self) -> Result<Option<Report>, Gone> {
        match self.reports.as_ref().map(Receiver::try_recv) {
            Some(Ok(report)) => Ok(Some(report)),
            Some(Err(TryRecvError::Empty)) => Ok(None),
            Some(Err(TryRecvError::Disconnected)) | None => Err(Gone),
        }
    }

    /// Waits for the next report: for ever, unless a command calls for one.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn recv(&self) -> Result<Report, Gone> {
        self.reports.as_ref().and_then(|reports| reports.recv().ok()).ok_or(Gone)
    }
}

impl<B: Backend> Drop for Worker<B> {
    /// Ends the runs after the event that is being computed, and waits for the thread.
    fn drop(&mut self) {
        (self.messages, self.reports) = (None, None);
        if let Some(thread) = self.thread.take() {
            // The hook for panics has had its say.
            let _ = thread.join();
        }
    }
}
