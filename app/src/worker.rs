//! The thread that talks to the engine. The window sends it commands and receives reports, both over
//! bounded channels; it never waits for either.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use bdlm::event::{Block, Done, Event, Step};
use bdlm::sample::{Request, Steer};

use crate::backend::{Backend, Found, Loaded, Progress, Source, Stream};

/// What the window wants.
#[derive(Clone, Debug)]
pub enum Command {
    /// Find a model's files, and tell what it needs.
    Find(Source, Box<Request>),
    /// Load a model.
    Load(Source),
    /// Tell which adapters there are.
    Adapters,
    /// Begin a run.
    Begin {
        /// Where it is shown.
        pane: usize,
        /// Number of the run.
        run: u64,
        /// What to generate.
        request: Box<Request>,
    },
    /// Go on by so many moments.
    Pull {
        /// Where the run is shown.
        pane: usize,
        /// Number of the run.
        run: u64,
        /// Steps, or the end.
        moments: usize,
    },
    /// Steer the current block.
    Steer {
        /// Where the run is shown.
        pane: usize,
        /// Number of the run.
        run: u64,
        /// Which cell.
        cell: usize,
        /// What to do with it.
        by: SteerBy,
    },
    /// Forget a run.
    End {
        /// Where it was shown.
        pane: usize,
    },
}

/// What to do with a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum SteerBy {
    /// Open it with this token.
    Token(u32),
    /// Open it with the token of this text.
    Text(String),
    /// Mask it again.
    Mask,
}

/// What the thread tells.
#[derive(Debug)]
pub enum Report {
    /// Something long goes on.
    Progress(Progress),
    /// A model's files are here.
    Found(Box<Found>),
    /// A model is ready.
    Loaded(Box<Loaded>),
    /// What was under way was cancelled.
    Cancelled,
    /// Names of the adapters.
    Adapters(Vec<String>),
    /// Something happened in a run.
    Event {
        /// Where it is shown.
        pane: usize,
        /// Number of the run.
        run: u64,
        /// What.
        event: Box<Event>,
    },
    /// A pull is finished; no more events will come without another.
    Pulled {
        /// Where the run is shown.
        pane: usize,
        /// Number of the run.
        run: u64,
        /// True if the run has ended.
        is_over: bool,
    },
    /// A wish could not be met; everything is as before.
    Refused {
        /// Where it was meant.
        pane: usize,
        /// Number of the run.
        run: u64,
        /// Why.
        error: bdlm::Error,
    },
    /// A run or a load failed.
    Failed {
        /// What was tried.
        what: Attempt,
        /// Why.
        error: bdlm::Error,
    },
}

/// What can fail.
#[derive(Clone, Debug, PartialEq)]
pub enum Attempt {
    /// Finding files.
    Find(Source),
    /// Loading a model.
    Load(Source),
    /// A run.
    Run {
        /// Where it is shown.
        pane: usize,
        /// Its number.
        run: u64,
    },
}

/// Commands that can wait; more are refused, which only a thread that hangs makes happen.
const COMMANDS: usize = 64;
/// Reports that can wait, before the thread does.
const REPORTS: usize = 64;
/// How long closing the window waits for the thread.
const FAREWELL: Duration = Duration::from_secs(3);

/// The window's end.
pub struct Worker {
    commands: Option<SyncSender<Command>>,
    reports: Option<Receiver<Report>>,
    cancel: Arc<AtomicBool>,
    ended: Receiver<()>,
}

impl Worker {
    /// Starts the thread; `wake` is called after each report.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn spawn(
        backend: impl Backend,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Worker> {
        let (commands, inbox) = sync_channel(COMMANDS);
        let (outbox, reports) = sync_channel(REPORTS);
        let (farewell, ended) = sync_channel(1);
        let cancel = Arc::new(AtomicBool::new(false));
        let flag = cancel.clone();
        thread::Builder::new().name("bdlm-engine".into()).spawn(move || {
            let engine =
                Engine { backend, outbox, cancel: flag, wake: Box::new(wake), runs: [None, None] };
            engine.serve(&inbox);
            let _ = farewell.send(());
        })?;
        Ok(Worker { commands: Some(commands), reports: Some(reports), cancel, ended })
    }

    /// Sends a command; false if the thread is gone or hangs.
    pub fn send(&self, command: Command) -> bool {
        if matches!(command, Command::Find(..) | Command::Load(_)) {
            self.cancel.store(false, Ordering::SeqCst);
        }
        self.commands.as_ref().is_some_and(|commands| commands.try_send(command).is_ok())
    }

    /// The next report, if one is there.
    ///
    /// # Errors
    /// [`Gone`] if the thread has ended, which only a fault of ours makes it do.
    pub fn try_recv(&self) -> Result<Option<Report>, Gone> {
        match self.reports.as_ref().map(Receiver::try_recv) {
            Some(Ok(report)) => Ok(Some(report)),
            Some(Err(TryRecvError::Empty)) => Ok(None),
            Some(Err(TryRecvError::Disconnected)) | None => Err(Gone),
        }
    }

    /// Ends a download or a load as soon as it tells of itself.
    pub fn cancel(&self) {
        self.cancel.store(true, Ordering::SeqCst);
    }
}

impl Drop for Worker {
    /// Ends the thread, between two passes of the network.
    fn drop(&mut self) {
        self.cancel();
        (self.commands, self.reports) = (None, None);
        // A pass that takes longer ends with the process.
        let _ = self.ended.recv_timeout(FAREWELL);
    }
}

/// The payload of an unwinding that is no panic.
struct Cancelled;

struct Live {
    run: u64,
    stream: Box<dyn Stream>,
    sample: usize,
    /// Seconds of work.
    secs: f64,
}

/// Counts work alone: while the user looks, nothing runs.
fn set_secs(event: &mut Event, worked: f64) {
    match event {
        Event::Step(Step { secs, .. })
        | Event::Steer(Step { secs, .. })
        | Event::Block(Block { secs, .. })
        | Event::Done(Done { secs, .. }) => *secs = worked,
        Event::Start(_) | Event::Retract(_) => {}
    }
}

struct Engine<B> {
    backend: B,
    outbox: SyncSender<Report>,
    cancel: Arc<AtomicBool>,
    wake: Box<dyn Fn() + Send>,
    runs: [Option<Live>; 2],
}

/// The other end is gone.
#[derive(Clone, Copy, Debug)]
pub struct Gone;

impl<B: Backend> Engine<B> {
    fn serve(mut self, inbox: &Receiver<Command>) {
        while let Ok(command) = inbox.recv() {
            if self.obey(command).is_err() {
                return;
            }
        }
    }

    fn obey(&mut self, command: Command) -> Result<(), Gone> {
        match command {
            Command::Find(source, request) => {
                let what = Attempt::Find(source.clone());
                let found = self.cancellable(|backend, tell| backend.find(&source, &request, tell));
                self.report_outcome(found, what, |found| Report::Found(Box::new(found)))
            }
            Command::Load(source) => {
                // What runs belongs to the model before.
                self.runs = [None, None];
                let what = Attempt::Load(source.clone());
                let loaded = self.cancellable(|backend, tell| backend.load(&source, tell));
                self.report_outcome(loaded, what, |loaded| Report::Loaded(Box::new(loaded)))
            }
            Command::Begin { pane, run, request } => {
                self.runs[pane] = None;
                match self.backend.begin(*request) {
                    Ok(stream) => {
                        self.runs[pane] = Some(Live { run, stream, sample: 0, secs: 0.0 });
                        Ok(())
                    }
                    Err(error) => {
                        self.report(Report::Failed { what: Attempt::Run { pane, run }, error })
                    }
                }
            }
            Command::Adapters => self.report(Report::Adapters(self.backend.adapters())),
            Command::Pull { pane, run, moments } => self.pull((pane, run), moments),
            Command::Steer { pane, run, cell, by } => self.steer((pane, run), cell, by),
            Command::End { pane } => {
                self.runs[pane] = None;
                Ok(())
            }
        }
    }

    fn report(&self, report: Report) -> Result<(), Gone> {
        self.outbox.send(report).map_err(|_| Gone)?;
        (self.wake)();
        Ok(())
    }

    fn report_outcome<T>(
        &self,
        outcome: Option<bdlm::Result<T>>,
        what: Attempt,
        well: impl FnOnce(T) -> Report,
    ) -> Result<(), Gone> {
        self.report(match outcome {
            None => Report::Cancelled,
            Some(Ok(found)) => well(found),
            Some(Err(error)) => Report::Failed { what, error },
        })
    }

    /// Does something long that tells of itself; none if it was cancelled. The hub's client cannot
    /// be stopped but by unwinding through it, which closes its files and connections.
    fn cancellable<T>(
        &mut self,
        work: impl FnOnce(&mut B, &mut dyn FnMut(Progress)) -> bdlm::Result<T>,
    ) -> Option<bdlm::Result<T>> {
        let Engine { backend, outbox, cancel, wake, .. } = self;
        let mut tell = |progress: Progress| {
            if cancel.load(Ordering::SeqCst) {
                resume_unwind(Box::new(Cancelled));
            }
            // One that is not seen is followed by others.
            if outbox.try_send(Report::Progress(progress)).is_ok() {
                wake();
            }
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| work(backend, &mut tell)));
        outcome.map_or_else(
            |payload: Box<dyn Any + Send>| match payload.is::<Cancelled>() {
                true => None,
                false => resume_unwind(payload),
            },
            Some,
        )
    }

    fn pull(&mut self, (pane, run): (usize, u64), moments: usize) -> Result<(), Gone> {
        let mut left = moments;
        loop {
            let live = self.runs[pane].as_mut().filter(|live| live.run == run);
            let Some(live) = live else {
                return self.report(Report::Pulled { pane, run, is_over: true });
            };
            let began = Instant::now();
            let next = live.stream.next();
            live.secs += began.elapsed().as_secs_f64();
            let mut event = match next {
                Ok(Some(event)) => event,
                Ok(None) => {
                    self.runs[pane] = None;
                    return self.report(Report::Pulled { pane, run, is_over: true });
                }
                Err(error) => {
                    self.runs[pane] = None;
                    let what = Attempt::Run { pane, run };
                    return self.report(Report::Failed { what, error });
                }
            };
            set_secs(&mut event, live.secs);
            live.sample = event.sample();
            left -= usize::from(matches!(event, Event::Step(_) | Event::Steer(_) | Event::Done(_)));
            let is_over = matches!(event, Event::Done(_));
            if is_over {
                // Its memory on the device is wanted by the next one.
                self.runs[pane] = None;
            }
            self.report(Report::Event { pane, run, event: Box::new(event) })?;
            if is_over || left == 0 {
                return self.report(Report::Pulled { pane, run, is_over });
            }
        }
    }

    fn steer(&mut self, at: (usize, u64), cell: usize, by: SteerBy) -> Result<(), Gone> {
        let (pane, run) = at;
        let steer = match by {
            SteerBy::Token(token) => Ok(Steer::Pin(token)),
            SteerBy::Text(text) => self.backend.token(&text).map(Steer::Pin),
            SteerBy::Mask => Ok(Steer::Mask),
        };
        let steered = match self.runs[pane].as_mut().filter(|live| live.run == run) {
            Some(live) => steer.and_then(|steer| live.stream.steer(live.sample, cell, steer)),
            None => Ok(()),
        };
        match steered {
            Ok(()) => self.pull(at, 1),
            Err(error) => self.report(Report::Refused { pane, run, error }),
        }
    }
}
