//! The host program's end of the channels.

use async_channel::{Receiver, Sender, TryRecvError, bounded};

#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::sample::worker::backend::Backend;
use crate::sample::worker::message::{Command, Gone, Message, Report};
use crate::sample::worker::service::Service;

/// Commands that can wait for the worker.
const COMMANDS: usize = 64;
/// Reports that can wait for the host program, before the worker waits for it.
const REPORTS: usize = 64;

/// A thread that owns a backend and its runs, joined on drop; in a browser a task of the page.
pub struct Worker<B: Backend> {
    messages: Option<Sender<Message<B>>>,
    reports: Option<Receiver<Report>>,
    #[cfg(not(target_arch = "wasm32"))]
    thread: Option<std::thread::JoinHandle<()>>,
}

impl<B: Backend> Worker<B> {
    /// Starts the worker; `wake` is called there after each report, for host programs that sleep
    /// until something happens.
    ///
    /// # Errors
    /// If the system gives no thread.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn spawn(backend: B, wake: impl Fn() + Send + 'static) -> std::io::Result<Worker<B>> {
        let (messages, inbox) = bounded(COMMANDS);
        let (outbox, reports) = bounded(REPORTS);
        #[allow(clippy::disallowed_methods, reason = "joined when the worker is dropped")]
        let builder = std::thread::Builder::new().name("bdlm-engine".into());
        let serve = move || block_on(Service::new(backend, inbox, outbox, Box::new(wake)).serve());
        let thread = builder.spawn(serve)?;
        Ok(Worker { messages: Some(messages), reports: Some(reports), thread: Some(thread) })
    }

    /// Starts the worker; `wake` is called after each report, for pages that draw only when
    /// something has happened.
    ///
    /// # Errors
    /// None: a task can always be begun.
    #[cfg(target_arch = "wasm32")]
    pub fn spawn(backend: B, wake: impl Fn() + Send + 'static) -> std::io::Result<Worker<B>> {
        let (messages, inbox) = bounded(COMMANDS);
        let (outbox, reports) = bounded(REPORTS);
        let service = Service::new(backend, inbox, outbox, Box::new(wake));
        wasm_bindgen_futures::spawn_local(service.serve());
        Ok(Worker { messages: Some(messages), reports: Some(reports) })
    }

    /// Sends a command, without waiting; false if the worker has ended, or does not keep up.
    pub fn send(&self, command: Command) -> bool {
        self.post(Message::Command(command))
    }

    /// Lets the worker do something else with the backend, such as loading another model; false if
    /// the worker has ended, or does not keep up. Runs go on afterwards; what the job has to say
    /// goes over a channel of the host program's own.
    pub fn call(&self, job: impl AsyncFnOnce(&mut B) + Send + 'static) -> bool {
        self.post(Message::Job(Box::new(|backend| Box::pin(job(backend)))))
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
            Some(Err(TryRecvError::Closed)) | None => Err(Gone),
        }
    }

    /// Waits for the next report: for ever, unless a command calls for one.
    ///
    /// # Errors
    /// [`Gone`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn recv(&self) -> Result<Report, Gone> {
        block_on(self.recv_async())
    }

    /// As [`Worker::recv`], for programs that must not block.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn recv_async(&self) -> Result<Report, Gone> {
        match &self.reports {
            Some(reports) => reports.recv().await.map_err(|_| Gone),
            None => Err(Gone),
        }
    }
}

impl<B: Backend> Drop for Worker<B> {
    /// Ends the runs after the event that is being computed, and waits for the thread.
    fn drop(&mut self) {
        (self.messages, self.reports) = (None, None);
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(thread) = self.thread.take() {
            // The hook for panics has had its say.
            let _ = thread.join();
        }
    }
}
