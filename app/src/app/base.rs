//! The app's own things: the state that is shown, and the threads behind it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use bdlm::sample::worker::Command;
use egui::Context;

use crate::engine::{Backend, Begin, EngineThread, TrainThread};
use crate::export::Export;
use crate::recording::Recording;
use crate::state::{Answer, Banner, Dialog, Origin, Pane, Preferences, State};
use crate::store::Store;
use crate::system::{IS_PAGE, Picked, add_system_fonts};
use crate::views::theme;

/// The app.
pub struct App {
    /// What is shown.
    pub state: State,
    pub(super) engine: EngineThread,
    /// A file that is being written.
    pub(super) export: Option<Export>,
    /// A run that is being read.
    pub(super) opening: Option<Receiver<Result<(Recording, Origin), String>>>,
    /// A dialog of the system that is open.
    pub(super) asking: Option<(Dialog, Receiver<Option<Picked>>)>,
    /// What was dropped on the window, and is being read.
    pub(super) dropped: Option<Receiver<Option<Picked>>>,
    /// What begins runs of training, and the run that goes on.
    pub(super) trainer: Arc<Begin>,
    pub(super) training: Option<TrainThread>,
    /// How many runs and branches have begun.
    pub(super) runs: u64,
    pub(super) branches: u64,
    /// Runs on disk; none before a folder is named.
    pub(super) store: Option<Store>,
    /// Runs that are being read: their numbers, panes and moments.
    pub(super) reading: Vec<(u64, usize, usize)>,
    /// The device that draws the window was lost.
    pub(super) painter_is_lost: Arc<AtomicBool>,
}

impl Drop for App {
    /// Keeps the texts if the window goes down.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.record_all();
            self.keep_conversation();
        }
    }
}

impl App {
    /// An app with this backend, and the preferences of the last time.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn new(
        ctx: &Context,
        prefs: Preferences,
        mut backend: impl Backend,
    ) -> std::io::Result<App> {
        theme::install(ctx);
        if IS_PAGE {
            add_system_fonts(ctx);
        }
        let wake = ctx.clone();
        let trainer = Arc::new(backend.trainer());
        let engine = EngineThread::spawn(backend, move || wake.request_repaint())?;
        let state = State::new(prefs);
        Ok(App {
            state,
            engine,
            export: None,
            opening: None,
            asking: None,
            dropped: None,
            trainer,
            training: None,
            runs: 0,
            branches: 0,
            store: None,
            reading: Vec::new(),
            painter_is_lost: Arc::default(),
        })
    }

    /// Sets how long closing waits for the engine's thread, 0.2 s otherwise: a process that goes on or
    /// ends behind the window should not do so while a driver compiles.
    pub fn wait_at_close(&mut self, patience: Duration) {
        self.engine.patience = patience;
    }

    /// When this is set, the next frame keeps everything, and is the last.
    pub fn watch_painter(&mut self, is_lost: Arc<AtomicBool>) {
        self.painter_is_lost = is_lost;
    }

    /// Sends a pane's command, if there is one.
    pub(super) fn send(&mut self, pane: usize, command: Option<Command>) {
        if command.is_some_and(|command| !self.engine.send(command)) {
            self.state.panes[pane].unsent();
        }
    }

    /// Ends the runs; what they wrote stays.
    pub fn stop(&mut self) {
        for command in self.state.panes.iter_mut().filter_map(Pane::end) {
            self.engine.send(command);
        }
        self.stop_answer();
        self.record_all();
        self.state.playing = false;
    }

    /// Shows a recorded run, in one pane, and keeps it.
    pub fn open(&mut self, recording: Recording) {
        self.open_with(recording, Origin::default());
    }

    /// As [`App::open`], with what the run was begun from.
    pub(super) fn open_with(&mut self, recording: Recording, origin: Origin) {
        self.stop();
        let mut shown = Pane::of(recording);
        if !origin.model.is_empty() {
            shown.made_with = origin.settings.summary();
        }
        shown.origin = origin;
        self.state.panes = vec![shown];
        (self.state.active, self.state.playing) = (0, false);
        self.add_run(0);
        self.record(0);
    }

    /// The engine's thread takes no commands, or has ended.
    pub(super) fn fail_engine(&mut self) {
        let state = &mut self.state;
        (state.models.busy, state.models.loaded, state.playing) = (None, None, false);
        state.panes.iter_mut().for_each(Pane::fail);
        state.conversation.live().map(Answer::stop);
        let cause = "Its thread has ended or hangs: close the window and open it again.";
        state.banner = Some(Banner::of("The engine does not answer.", cause));
    }
}
