//! The engine's thread as the window sees it: the library's worker for runs, with jobs on top that
//! find and load models. The window never waits for it.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use async_channel::{Receiver, bounded};
use bdlm::Result;
use bdlm::sample::Request;
use bdlm::sample::worker::{self, Command, Gone, Stream, Worker};

use crate::engine::backend::{Backend, Progress, Source};
use crate::engine::bell::Bell;
use crate::engine::chat::Ask;
use crate::engine::job::{Cancel, Outbox};
use crate::engine::notice::{Attempt, Notice, SteerAt};
use crate::system::{IS_PAGE, beside};

/// Notices that can wait for the window, before the thread waits for it.
const NOTICES: usize = 64;
/// How long closing the window waits for the thread.
const FAREWELL: Duration = Duration::from_millis(200);

/// Any backend, as the library's worker drives it.
struct AnyBackend {
    backend: Box<dyn Backend>,
    /// What the next run answers, if it is of a chat.
    ask: Option<Ask>,
}

impl worker::Backend for AnyBackend {
    type Run = Box<dyn Stream>;

    fn begin(&mut self, request: Request) -> Result<Box<dyn Stream>> {
        match self.ask.take() {
            Some(ask) => self.backend.answer(ask),
            None => self.backend.begin(request),
        }
    }
}

/// The window's end of the channels.
pub struct EngineThread {
    worker: Option<Worker<AnyBackend>>,
    outbox: Outbox,
    notices: Option<Receiver<Notice>>,
    /// How long dropping it waits for the thread's end.
    pub patience: Duration,
}

impl EngineThread {
    /// Starts the thread; `wake` is called after each notice that was not awaited or taken already.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn spawn(
        backend: impl Backend,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<EngineThread> {
        let (sender, notices) = bounded(NOTICES);
        let bell = Arc::new(Bell::new(wake));
        let cancel = Arc::new(Cancel::default());
        let outbox = Outbox { notices: sender, cancel, bell: bell.clone() };
        let backend = AnyBackend { backend: Box::new(backend), ask: None };
        let worker = Worker::spawn(backend, move || bell.ring())?;
        let (worker, notices) = (Some(worker), Some(notices));
        Ok(EngineThread { worker, outbox, notices, patience: FAREWELL })
    }

    /// Sends a command to a run; false if the thread has ended or hangs.
    pub fn send(&self, command: Command) -> bool {
        self.worker.as_ref().is_some_and(|worker| worker.send(command))
    }

    /// Begins to answer a conversation, as a run of this number; false as for [`EngineThread::send`].
    pub fn answer(&self, run: u64, ask: Ask) -> bool {
        let put = async move |backend: &mut AnyBackend| backend.ask = Some(ask);
        // The thread takes both in this order, and nothing between them.
        self.worker.as_ref().is_some_and(|worker| worker.call(put))
            && self.send(Command::Begin { run, request: Box::default() })
    }

    /// Finds a model's files and says how much memory the model needs; false as for
    /// [`EngineThread::send`].
    pub fn find(&self, source: Source, request: Box<Request>) -> bool {
        let what = Attempt::Find(source.clone());
        let find = async move |backend: &mut dyn Backend, progress: &mut dyn FnMut(Progress)| {
            Ok(Notice::Found(Box::new(backend.find(&source, &request, progress).await?)))
        };
        self.attempt(what, find)
    }

    /// Loads a model; false as for [`EngineThread::send`].
    pub fn load(&self, source: Source) -> bool {
        let what = Attempt::Load(source.clone());
        let load = async move |backend: &mut dyn Backend, progress: &mut dyn FnMut(Progress)| {
            let loaded = Box::new(backend.load(&source, progress).await?);
            Ok(Notice::Loaded { source, loaded })
        };
        self.attempt(what, load)
    }

    /// Does beforehand what the first steps of such a run would wait for; false as for
    /// [`EngineThread::send`].
    pub fn warm(&self, request: Box<Request>) -> bool {
        let cancel = self.outbox.cancel.clone();
        let go_on = move || !cancel.is_wanted();
        self.call(async move |backend, _| backend.warm(*request, &go_on).await)
    }

    /// Asks for the names of the adapters; false as for [`EngineThread::send`].
    pub fn adapters(&self) -> bool {
        self.call(async |backend, outbox| outbox.send(Notice::Adapters(backend.adapters())).await)
    }

    /// Asks for the models that a browser keeps; false as for [`EngineThread::send`].
    pub fn kept(&self) -> bool {
        self.call(async |backend, outbox| outbox.send(Notice::Kept(backend.kept().await)).await)
    }

    /// Deletes what a browser keeps of a model, and asks for those that it keeps then; false as for
    /// [`EngineThread::send`].
    pub fn forget(&self, id: String) -> bool {
        self.call(async move |backend, outbox| {
            backend.forget(&id).await;
            outbox.send(Notice::Kept(backend.kept().await)).await;
        })
    }

    /// Asks for the token of a text that is to be pinned; false as for [`EngineThread::send`].
    pub fn token(&self, at: SteerAt, text: String) -> bool {
        self.call(async move |backend, outbox| {
            outbox.send(Notice::Token { at, token: backend.token(&text) }).await;
        })
    }

    /// Ends a download or a load as soon as it reports its progress.
    pub fn cancel(&self) {
        self.outbox.cancel.end();
    }

    /// The next notice, if there is one.
    ///
    /// # Errors
    /// [`Gone`] if the thread has panicked.
    pub fn try_recv(&self) -> Result<Option<Notice>, Gone> {
        let notice = match self.notices.as_ref().and_then(|notices| notices.try_recv().ok()) {
            Some(notice) => Some(notice),
            None => self.worker.as_ref().ok_or(Gone)?.try_recv()?.map(Notice::Run),
        };
        if notice.is_some() {
            self.outbox.bell.taken();
        }
        Ok(notice)
    }

    /// Waits for a notice, so long at most; true if there is one.
    pub fn wait(&self, within: Duration) -> bool {
        self.outbox.bell.wait(within)
    }

    /// Does something that can be cancelled and can fail.
    fn attempt(
        &self,
        what: Attempt,
        work: impl AsyncFnOnce(&mut dyn Backend, &mut dyn FnMut(Progress)) -> Result<Notice>
        + Send
        + 'static,
    ) -> bool {
        self.outbox.cancel.begin();
        self.call(async move |backend, outbox| {
            let outcome = outbox.cancellable(async |progress| work(backend, progress).await).await;
            let notice = match outcome {
                None => Notice::Cancelled,
                Some(Ok(notice)) => notice,
                Some(Err(error)) => Notice::Failed { what, error },
            };
            outbox.send(notice).await;
        })
    }

    fn call(&self, job: impl AsyncFnOnce(&mut dyn Backend, &Outbox) + Send + 'static) -> bool {
        let outbox = self.outbox.clone();
        let job = async move |backend: &mut AnyBackend| job(&mut *backend.backend, &outbox).await;
        self.worker.as_ref().is_some_and(|worker| worker.call(job))
    }
}

impl Drop for EngineThread {
    /// Ends the thread between two events; one that takes longer ends with the process.
    fn drop(&mut self) {
        self.cancel();
        self.notices = None;
        let (farewell, ended) = sync_channel(1);
        let worker = self.worker.take();
        let join = async move || {
            drop(worker);
            let _ = farewell.send(());
        };
        if beside("bdlm-farewell", join).is_ok() && !IS_PAGE {
            let _ = ended.recv_timeout(self.patience);
        }
    }
}
