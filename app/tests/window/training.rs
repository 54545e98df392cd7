//! Training in the window: what is filled in, what the run reports, how it pauses, stops and goes on.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bdlm::train::{BlockNelbo, Interval, TrainEvent, TrainStart, TrainStep, Validation};
use bdlm::{Error, Result};
use bdlm_app::engine::{Begin, TrainNotice, TrainOrder, TrainStream, TrainThread};
use bdlm_app::state::{Action, Preferences, TrainAction, TrainForm, TrainStage, View};
use egui::vec2;
use egui_kittest::kittest::{NodeT, Queryable};

use crate::script::{Script, Trouble};
use crate::{Painter, Window, app, click, preferences, real_window, state, wait, window_of};

/// Events of a run of `steps` steps that validates every fourth.
pub fn events(steps: usize) -> Vec<TrainEvent> {
    let mut events = vec![TrainEvent::Start(TrainStart {
        step: 0,
        steps: Some(steps),
        parameters: 1_250_000,
        sequences: 90,
        window: 128,
        step_tokens: 1024,
        memory_bytes: 21_000_000,
    })];
    for step in 0..steps {
        let done = (step + 1) as f64 / steps as f64;
        events.push(TrainEvent::Step(TrainStep {
            step,
            loss: 3.0 + 4.0 * (-6.0 * done).exp() + 0.1 * (step as f64 * 1.7).sin(),
            grad_norm: 1.0,
            rate: 1e-3,
            block_size: 8,
            tokens_per_sec: 1530.0,
            done,
            secs: 0.8 * (step + 1) as f64,
        }));
        if (step + 1).is_multiple_of(4) {
            let step = step + 1;
            let nats_per_token = 3.1 + 4.0 * (-6.0 * done).exp();
            let of =
                |block_size, more| BlockNelbo { block_size, nats_per_token: nats_per_token + more };
            events.push(TrainEvent::Validation(Validation {
                step,
                nelbo: vec![of(4, 0.0), of(8, 0.2)],
                interval: Interval::default(),
                variances: Vec::new(),
            }));
            let text = format!("Once upon a time there was a fox, after {step} steps.");
            events.push(TrainEvent::Sample { step, text });
            events.push(TrainEvent::Saved { step });
        }
    }
    events.push(TrainEvent::Done { step: steps, secs: 0.8 * steps as f64 });
    events
}

/// A run that plays events, each as the gate opens.
struct Playing {
    events: std::vec::IntoIter<TrainEvent>,
    gate: Arc<std::sync::Mutex<Receiver<()>>>,
}

impl TrainStream for Playing {
    fn next(&mut self) -> Result<Option<TrainEvent>> {
        // Closed when the test ends.
        if self.gate.lock().unwrap().recv().is_err() {
            return Err(Error::Diverged("the gate is closed".into()));
        }
        Ok(self.events.next())
    }

    fn stop(self: Box<Self>) -> Result<Vec<TrainEvent>> {
        Ok(vec![TrainEvent::Saved { step: 3 }])
    }
}

fn gated() -> (Begin, Sender<()>) {
    let (open, gate) = channel();
    let gate = Arc::new(std::sync::Mutex::new(gate));
    let begin: Begin = Box::new(move |_, progress| {
        let _ = progress("Learning a vocabulary of 1024 tokens".into());
        Ok(Some(Box::new(Playing { events: events(8).into_iter(), gate: gate.clone() })))
    });
    (begin, open)
}

fn filled() -> TrainForm {
    TrainForm { data: "stories.txt".into(), out: "out".into(), ..TrainForm::default() }
}

fn training(begin: Begin, form: TrainForm) -> Window {
    let (script, _) = Script::new(Trouble::None);
    let prefs = Preferences { train: form, ..preferences() };
    let size = vec2(1280.0, 1000.0);
    let mut window = window_of(size, prefs, script.with_trainer(begin), Painter(None));
    wait(&mut window, |state| state.models.loaded.is_some());
    show(&mut window);
    window
}

/// Shows training.
fn show(window: &mut Window) {
    click(window, "Model");
    // It may have to be scrolled to.
    window.get_by_label("Train a model").click_accesskit();
    window.run_steps(3);
}

fn open(gate: &Sender<()>, count: usize) {
    (0..count).for_each(|_| gate.send(()).unwrap());
}

#[test]
fn a_run_is_begun_watched_paused_and_stopped() {
    let (begin, gate) = gated();
    let mut window = training(begin, filled());
    click(&mut window, "▶ Train");
    wait(&mut window, |state| state.training.is_live());
    // The start and three steps.
    open(&gate, 4);
    wait(&mut window, |state| state.training.losses.len() == 3);
    window.get_by_label("Training: step 3 of 8");
    window.get_by_label_contains(
        "1,530 tokens/s · 4 s left · 21 MB on the device · 1.2 M parameters",
    );
    click(&mut window, "⏸ Pause");
    window.get_by_label("Pausing after this step: step 3 of 8");
    open(&gate, 1);
    wait(&mut window, |state| state.training.stage == TrainStage::Paused);
    window.get_by_label("Paused: step 4 of 8");
    open(&gate, 3);
    window.run_steps(20);
    assert!(state(&mut window).training.samples.is_empty(), "a paused run goes on");
    click(&mut window, "▶ Go on");
    wait(&mut window, |state| state.training.saved == Some(4));
    window.get_by_label("Once upon a time there was a fox, after 4 steps.");
    window.get_by_label_contains("held out, blocks of 8");
    click(&mut window, "⏹ Stop");
    open(&gate, 1);
    wait(&mut window, |state| state.training.stage == TrainStage::Stopped);
    window.get_by_label("Resume");
    window.get_by_label("Open as model");
}

/// A file that was dropped on the window.
#[derive(Debug)]
struct Dropped(&'static str);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        Path::new(self.0)
    }

    fn bytes(&self) -> std::result::Result<Vec<u8>, String> {
        Err("it is not read".into())
    }
}

#[test]
fn what_is_missing_is_said_and_files_can_be_dropped() {
    let (begin, _gate) = gated();
    let mut window = training(begin, TrainForm::default());
    window.get_by_label("Train a model of your own");
    let train = |window: &Window| window.get_by_label("▶ Train").accesskit_node().is_disabled();
    assert!(train(&window));
    for (dropped, field) in [("stories.txt", "Train on"), ("held-out.txt", "Validate on")] {
        window.input_mut().dropped_files.push(Arc::new(Dropped(dropped)));
        window.run_steps(3);
        let found = window.get_by_role_and_label(egui::Role::TextInput, field).value();
        assert_eq!(found.as_deref(), Some(dropped));
    }
    assert!(!train(&window));
    state(&mut window).prefs.train.block_sizes = "four".into();
    window.run_steps(2);
    assert!(train(&window));
}

#[test]
fn every_control_of_training_has_a_label() {
    let (begin, _gate) = gated();
    let window = training(begin, filled());
    let controls = crate::controls(&window);
    assert!(controls.len() > 18, "{} controls", controls.len());
    crate::check_labels(&controls, "training");
}

/// A text of a few words in many orders.
fn stories(folder: &Path) -> std::path::PathBuf {
    let words = ["the fox", "the girl", "ran", "saw", "a ball", "home", "and", "then"];
    let pick = |i: usize| words[(i * i + i / 7) % words.len()];
    let text: String = (0..3000).map(|i| format!("{} ", pick(i))).collect();
    let path = folder.join("stories.txt");
    std::fs::write(&path, text).unwrap();
    path
}

/// A form for a network that any machine trains in seconds.
fn small(folder: &Path) -> TrainForm {
    let text = stories(folder).display().to_string();
    TrainForm {
        valid: text.clone(),
        data: text,
        layers: 1,
        channels: 32,
        heads: 2,
        vocabulary: 280,
        window: 32,
        block_sizes: "4".into(),
        steps: 6,
        batch: 2,
        check_every: 3,
        prompt: "the".into(),
        out: folder.join("run").display().to_string(),
        ..TrainForm::default()
    }
}

#[test]
fn a_real_run_trains_is_refused_twice_and_is_opened_as_a_model() {
    let Some(_) = crate::pictures::canvas() else { return };
    let folder = tempfile::tempdir().unwrap();
    let prefs = Preferences { train: small(folder.path()), ..preferences() };
    let mut window = real_window(vec2(1280.0, 800.0), prefs);
    // After six steps it writes any bytes.
    window.ctx.set_missing_glyph_policy(egui::MissingGlyphPolicy::Tofu);
    show(&mut window);
    click(&mut window, "▶ Train");
    patiently(&mut window, |stage| *stage == TrainStage::Finished);
    let run = state(&mut window).training.clone();
    assert_eq!((run.losses.len(), run.saved), (6, Some(6)));
    assert_eq!(run.nelbo[&4].len(), 2);
    assert!(run.samples.iter().all(|(_, text)| text.starts_with("the")), "{:?}", run.samples);
    // The log is that of the command line.
    let kept = |name: &str| std::fs::read(folder.path().join("run").join(name)).unwrap();
    let steps = String::from_utf8(kept("steps.csv")).unwrap();
    assert!(steps.starts_with("step,secs,loss") && steps.lines().count() == 7, "{steps}");
    assert_eq!(kept("validation.csv").iter().filter(|byte| **byte == b'\n').count(), 3);
    assert!(kept("curves.png").starts_with(b"\x89PNG"));
    // The same folder again: nothing is overwritten.
    click(&mut window, "▶ Train");
    patiently(&mut window, |stage| *stage == TrainStage::Failed);
    window.get_by_label("Training cannot begin.");
    window.get_by_label_contains("holds a run already");
    state(&mut window).prefs.train.steps = 8;
    click(&mut window, "Resume that run");
    patiently(&mut window, |stage| *stage == TrainStage::Finished);
    assert_eq!(state(&mut window).training.saved, Some(8));
    click(&mut window, "Open as model");
    wait(&mut window, |state| {
        state.models.loaded.as_ref().is_some_and(|model| model.name.ends_with("run"))
    });
    assert_eq!(state(&mut window).view, View::Text);
}

/// Waits longer than for other things: kernels are compiled, and a software adapter is slow.
fn patiently(window: &mut Window, is_so: impl Fn(&TrainStage) -> bool) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(300) {
        window.step();
        if is_so(&state(window).training.stage) {
            window.run_steps(2);
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let (training, banner) = (state(window).training.stage.clone(), &state(window).banner);
    panic!("it never came to that: {training:?}, {banner:?}");
}

#[test]
fn errors_of_a_run_are_sentences() {
    let begin: Begin =
        Box::new(|_, _| Err(Error::request("the text has 3 tokens, a sequence needs 128")));
    let mut window = training(begin, filled());
    click(&mut window, "▶ Train");
    wait(&mut window, |state| state.banner.is_some());
    window.get_by_label("Training cannot begin.");
    window.get_by_label_contains("a sequence needs 128");
    assert!(window.query_by_label("Open as model").is_none());
    // A thread that ends without a word is reported too.
    let begin: Begin = Box::new(|_, _| panic!("a fault for the test"));
    let mut window = training(begin, filled());
    click(&mut window, "▶ Train");
    wait(&mut window, |state| state.banner.is_some());
    window.get_by_label("Training has failed.");
    assert_eq!(state(&mut window).training.stage, TrainStage::Failed);
}

#[test]
fn a_run_that_is_being_prepared_is_stopped() {
    let begin: Begin = Box::new(move |_, progress| {
        let mut count = 0;
        while progress(format!("Reading the texts: {count} tokens")).is_continue() {
            count += 1;
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(None)
    });
    let mut window = training(begin, filled());
    click(&mut window, "▶ Train");
    wait(
        &mut window,
        |state| matches!(&state.training.stage, TrainStage::Preparing(words) if words.contains("Reading")),
    );
    click(&mut window, "⏹ Stop");
    wait(&mut window, |state| state.training.stage == TrainStage::Stopped);
    window.get_by_label_contains("Stopped before its first step");
    assert!(window.query_by_label("Open as model").is_none());
    window.get_by_label("▶ Train");
}

#[test]
fn closing_the_window_in_the_middle_of_a_step_takes_a_moment() {
    let (begin, gate) = gated();
    let mut window = training(begin, filled());
    click(&mut window, "▶ Train");
    open(&gate, 2);
    wait(&mut window, |state| state.training.losses.len() == 1);
    // The thread is now inside a step that does not end.
    let began = Instant::now();
    drop(window);
    assert!(began.elapsed() < Duration::from_millis(300), "{:?}", began.elapsed());
    drop(gate);
}

#[test]
fn a_run_that_is_cut_off_keeps_its_last_save() {
    let Some(_) = crate::pictures::canvas() else { return };
    let folder = tempfile::tempdir().unwrap();
    let form = TrainForm { steps: 100_000, ..small(folder.path()) };
    let begin: Arc<Begin> = Arc::new(Box::new(TrainOrder::begin));
    let thread = TrainThread::spawn(form.order(None, false), begin.clone(), || {}).unwrap();
    let mut saved = 0;
    while saved < 6 {
        match thread.try_recv() {
            Some(TrainNotice::Event(event)) => {
                if let TrainEvent::Saved { step } = *event {
                    saved = step;
                }
            }
            Some(TrainNotice::Failed(e)) => panic!("{e}"),
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    let began = Instant::now();
    drop(thread);
    assert!(began.elapsed() < Duration::from_millis(300), "{:?}", began.elapsed());
    // The thread lets go of the folder within its step; a process would have ended.
    let resumed = TrainForm { steps: saved + 2, ..form };
    let began = Instant::now();
    let start = loop {
        let thread = TrainThread::spawn(resumed.order(None, true), begin.clone(), || {}).unwrap();
        match first(&thread) {
            Ok(start) => break start,
            Err(e) => assert!(began.elapsed() < Duration::from_secs(60), "{e}"),
        }
    };
    assert!(start.step >= saved, "{} of {saved}", start.step);
}

/// The start of a run.
fn first(thread: &TrainThread) -> Result<TrainStart> {
    loop {
        match thread.try_recv() {
            Some(TrainNotice::Event(event)) => {
                if let TrainEvent::Start(start) = *event {
                    return Ok(start);
                }
            }
            Some(TrainNotice::Failed(e)) => return Err(e),
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

#[test]
fn actions_that_cannot_be_done_change_nothing() {
    let (begin, _gate) = gated();
    let mut window = training(begin, filled());
    let ctx = window.ctx.clone();
    for action in [TrainAction::Pause, TrainAction::GoOn, TrainAction::Stop, TrainAction::OpenModel]
    {
        app(&mut window).act(&ctx, Action::Train(action), 0.0);
    }
    assert_eq!(state(&mut window).training.stage, TrainStage::None);
    assert_eq!(state(&mut window).view, View::Training);
}
