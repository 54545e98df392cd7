//! The worker: a thread that owns runs, driven by commands. A scripted backend stands for the
//! engine, so that no device is needed; one test asks an engine for the same events.
#![cfg(feature = "worker")]

mod common;

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bdlm::event::{Done, Event, Start, Step, StopReason};
use bdlm::sample::worker::{Backend, Command, Gone, LocalFuture, Report, Stream, Worker};
use bdlm::sample::{Prompt, Request, Steer, Watch};
use bdlm::{Error, Result};

/// A backend whose runs are begun by seed: so many steps long.
#[derive(Default)]
struct Script {
    /// Events that were computed by all runs.
    computed: Arc<AtomicUsize>,
    /// Set when the thread lets go of the backend.
    dropped: Arc<AtomicBool>,
}

/// A run that never ends by itself.
const ENDLESS: u64 = u64::MAX;
/// A run that cannot begin.
const IMPOSSIBLE: u64 = 0;
/// The step at which a device is lost.
const FATAL: usize = 7;

impl Backend for Script {
    type Run = Scripted;

    fn begin(&mut self, request: Request) -> Result<Scripted> {
        if request.seed == IMPOSSIBLE {
            return Err(Error::request("the seed is 0, expected another"));
        }
        let computed = self.computed.clone();
        Ok(Scripted { steps: request.seed, next: None, is_steered: false, computed })
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::SeqCst);
    }
}

/// A start, the steps, the end.
struct Scripted {
    steps: u64,
    next: Option<usize>,
    is_steered: bool,
    computed: Arc<AtomicUsize>,
}

impl Stream for Scripted {
    fn next(&mut self) -> LocalFuture<'_, Result<Option<Event>>> {
        Box::pin(ready(self.pull()))
    }

    fn steer(&mut self, _sample: usize, cell: usize, _steer: Steer) -> Result<()> {
        if cell > 3 {
            return Err(Error::request(format!("cell {cell}, expected 0 to 3")));
        }
        self.is_steered = true;
        Ok(())
    }
}

impl Scripted {
    fn pull(&mut self) -> Result<Option<Event>> {
        self.computed.fetch_add(1, Ordering::SeqCst);
        if std::mem::take(&mut self.is_steered) {
            return Ok(Some(Event::Steer(step(99))));
        }
        let Some(next) = self.next.replace(self.next.map_or(0, |next| next + 1)) else {
            return Ok(Some(start()));
        };
        match next as u64 {
            n if n < self.steps && next == FATAL && self.steps != ENDLESS => {
                Err(Error::DeviceLost("it fell off the bus".into()))
            }
            n if n < self.steps => Ok(Some(Event::Step(step(next)))),
            n if n == self.steps => Ok(Some(done())),
            _ => Ok(None),
        }
    }
}

fn start() -> Event {
    let (ids, text) = (vec![0], Some(String::new()));
    let (block_size, window, length, n_drawable) = (4, 8, 8, None);
    Event::Start(Start { sample: 0, seed: 1, block_size, window, length, ids, text, n_drawable })
}

fn step(step: usize) -> Step {
    Step { sample: 0, block_idx: 0, step, passes: step + 1, cells: Vec::new(), secs: 1e9 }
}

fn done() -> Event {
    Event::Done(Done {
        prefill: 0,
        denoise: 0,
        commit: 0,
        sample: 0,
        seed: 1,
        n_tokens: 1,
        ids: vec![0],
        text: None,
        nfe: 1,
        passes: 1,
        secs: 1e9,
        stop: StopReason::Length,
        redraws: 0,
    })
}

fn begin(worker: &Worker<impl Backend>, run: u64, seed: u64) {
    let request = Request { seed, ..Request::default() };
    assert!(worker.send(Command::Begin { run, request: Box::new(request) }));
}

fn pull(worker: &Worker<impl Backend>, run: u64, steps: usize) {
    assert!(worker.send(Command::Pull { run, steps }));
}

/// A report in a word: `1 step 4`, `2 pulled`, `2 over`, `3 failed`.
fn named(report: &Report) -> String {
    match report {
        Report::Event { run, event } => match &**event {
            Event::Start(_) => format!("{run} start"),
            Event::Step(step) => format!("{run} step {}", step.step),
            Event::Steer(_) => format!("{run} steer"),
            Event::Done(_) => format!("{run} done"),
            event => panic!("no script has {event:?}"),
        },
        Report::Pulled { run, is_over: false } => format!("{run} pulled"),
        Report::Pulled { run, is_over: true } => format!("{run} over"),
        Report::Refused { run, error } => format!("{run} refused: {error}"),
        Report::Failed { run, error } => format!("{run} failed: {error}"),
    }
}

/// The next reports, of which the last is this one.
fn until(worker: &Worker<impl Backend>, last: &str) -> Vec<String> {
    let mut found = Vec::new();
    while found.last().is_none_or(|name| name != last) {
        assert!(found.len() < 10_000, "no `{last}` came after {:?}", &found[..20]);
        found.push(named(&worker.recv().unwrap()));
    }
    found
}

#[test]
fn a_run_computes_only_what_is_pulled() {
    let script = Script::default();
    let computed = script.computed.clone();
    let worker = Worker::spawn(script, || {}).unwrap();
    begin(&worker, 1, 3);
    pull(&worker, 1, 2);
    assert_eq!(until(&worker, "1 pulled"), ["1 start", "1 step 0", "1 step 1", "1 pulled"]);
    pull(&worker, 1, 0);
    assert_eq!(until(&worker, "1 pulled"), ["1 pulled"]);
    assert_eq!(computed.load(Ordering::SeqCst), 3, "nothing runs ahead");
    pull(&worker, 1, usize::MAX);
    assert_eq!(until(&worker, "1 over"), ["1 step 2", "1 done", "1 over"]);
    pull(&worker, 1, 1);
    assert_eq!(until(&worker, "1 over"), ["1 over"]);
    pull(&worker, 2, 1);
    assert_eq!(until(&worker, "2 over"), ["2 over"], "a run that was never begun");
    assert!(matches!(worker.try_recv(), Ok(None)));
}

#[test]
fn seconds_count_computing_only() {
    let worker = Worker::spawn(Script::default(), || {}).unwrap();
    begin(&worker, 1, 3);
    pull(&worker, 1, usize::MAX);
    while let Report::Event { event, .. } = worker.recv().unwrap() {
        let secs = match *event {
            Event::Step(step) => step.secs,
            Event::Done(done) => done.secs,
            _ => 0.0,
        };
        assert!(secs < 60.0, "{secs} is the script's");
    }
}

#[test]
fn runs_that_are_pulled_together_take_turns() {
    let worker = Worker::spawn(Script::default(), || {}).unwrap();
    let (hold, gate) = std::sync::mpsc::channel::<()>();
    worker.call(async move |_| gate.recv().unwrap_or_default());
    for run in [1, 2] {
        begin(&worker, run, 5);
        pull(&worker, run, 2);
    }
    drop(hold);
    let wanted = ["1 start", "2 start", "1 step 0", "2 step 0", "1 step 1", "1 pulled"];
    assert_eq!(until(&worker, "1 pulled"), wanted);
    assert_eq!(until(&worker, "2 pulled"), ["2 step 1", "2 pulled"]);
}

#[test]
fn a_run_that_is_ended_stops_between_two_events() {
    let worker = Worker::spawn(Script::default(), || {}).unwrap();
    begin(&worker, 1, ENDLESS);
    pull(&worker, 1, usize::MAX);
    until(&worker, "1 step 200");
    assert!(worker.send(Command::End { run: 1 }));
    begin(&worker, 2, 1);
    pull(&worker, 2, usize::MAX);
    let reports = until(&worker, "2 start");
    assert!(reports[..reports.len() - 1].iter().all(|name| name.starts_with("1 step")));
    assert_eq!(until(&worker, "2 over"), ["2 step 0", "2 done", "2 over"]);
}

#[test]
fn dropping_the_worker_joins_its_thread_in_the_middle_of_a_run() {
    let script = Script::default();
    let dropped = script.dropped.clone();
    let worker = Worker::spawn(script, || {}).unwrap();
    begin(&worker, 1, ENDLESS);
    pull(&worker, 1, usize::MAX);
    until(&worker, "1 step 5");
    assert!(!dropped.load(Ordering::SeqCst));
    // The thread waits for a host program that takes no reports, and is let go.
    drop(worker);
    assert!(dropped.load(Ordering::SeqCst), "the thread outlives its worker");
}

#[test]
fn an_error_is_a_report_and_the_thread_lives() {
    let worker = Worker::spawn(Script::default(), || {}).unwrap();
    begin(&worker, 1, IMPOSSIBLE);
    let reason = "1 failed: the seed is 0, expected another";
    assert_eq!(until(&worker, reason).len(), 1);
    begin(&worker, 2, 100);
    pull(&worker, 2, usize::MAX);
    let lost = "2 failed: the GPU device was lost: it fell off the bus; results so far are kept";
    let reports = until(&worker, lost);
    assert_eq!(reports[reports.len() - 2], format!("2 step {}", FATAL - 1));
    pull(&worker, 2, 1);
    assert_eq!(until(&worker, "2 over"), ["2 over"], "it is not there any more");
    begin(&worker, 3, 1);
    pull(&worker, 3, 1);
    assert_eq!(until(&worker, "3 pulled"), ["3 start", "3 step 0", "3 pulled"]);
}

#[test]
fn steering_is_reported_or_refused() {
    let worker = Worker::spawn(Script::default(), || {}).unwrap();
    begin(&worker, 1, 5);
    pull(&worker, 1, 1);
    until(&worker, "1 pulled");
    let steer = |cell| Command::Steer { run: 1, sample: 0, cell, steer: Steer::Mask };
    worker.send(steer(2));
    assert_eq!(until(&worker, "1 pulled"), ["1 steer", "1 pulled"]);
    worker.send(steer(9));
    assert_eq!(until(&worker, "1 refused: cell 9, expected 0 to 3").len(), 1);
    pull(&worker, 1, 1);
    assert_eq!(until(&worker, "1 pulled"), ["1 step 1", "1 pulled"], "the run is as before");
}

#[test]
fn a_host_program_is_woken_after_every_report() {
    let woken = Arc::new(AtomicUsize::new(0));
    let count = woken.clone();
    let wake = move || {
        count.fetch_add(1, Ordering::SeqCst);
    };
    let worker = Worker::spawn(Script::default(), wake).unwrap();
    begin(&worker, 1, 2);
    pull(&worker, 1, usize::MAX);
    let reports = until(&worker, "1 over").len();
    // The job comes after the last report's call.
    let (tell, hear) = std::sync::mpsc::channel();
    worker.call(async move |_| tell.send(()).unwrap());
    hear.recv().unwrap();
    assert_eq!(woken.load(Ordering::SeqCst), reports);
}

#[test]
fn a_panic_ends_the_thread_not_the_host_program() {
    let worker = Worker::spawn(Script::default(), || {}).unwrap();
    assert!(worker.call(async |_| panic!("a fault for the test")));
    assert_eq!(worker.recv().unwrap_err(), Gone);
    assert_eq!(worker.try_recv().unwrap_err(), Gone);
    assert!(!worker.send(Command::End { run: 1 }));
}

#[test]
fn an_engine_s_run_has_the_same_events_through_a_worker() {
    let Some(gpu) = common::gpu(None) else { return };
    let engine = common::tales(&gpu);
    let prompt = Prompt::Text("The king".into());
    let watch = Watch::Steps { candidates: 2 };
    let request = Request { prompt, length: 16, samples: 2, watch, ..Request::default() };
    let wanted = common::events(&engine, request.clone());
    let worker = Worker::spawn(engine, || {}).unwrap();
    worker.send(Command::Begin { run: 1, request: Box::new(request) });
    pull(&worker, 1, usize::MAX);
    let mut found = Vec::new();
    loop {
        match worker.recv().unwrap() {
            Report::Event { event, .. } => found.push(*event),
            Report::Pulled { is_over, .. } => break assert!(is_over),
            report => panic!("{report:?}"),
        }
    }
    let timeless = |events: Vec<Event>| events.into_iter().map(timeless).collect::<Vec<_>>();
    assert_eq!(timeless(found), timeless(wanted));
}

/// The event without its time.
fn timeless(mut event: Event) -> Event {
    match &mut event {
        Event::Step(step) | Event::Steer(step) => step.secs = 0.0,
        Event::Block(block) => block.secs = 0.0,
        Event::Done(done) => done.secs = 0.0,
        Event::Start(_) | Event::Retract(_) => {}
    }
    event
}
