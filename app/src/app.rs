//! The window: its state, what reports and wishes do to it, and where its parts are.

use std::sync::mpsc::Receiver;

use egui::{CentralPanel, Context, Frame, Panel, ThemePreference, Ui};

use crate::action::Sheet;
use crate::backend::{Backend, Found, Loaded, Progress, Source};
use crate::export::Export;
use crate::pane::{Pane, Stage};
use crate::recording::Recording;
use crate::reports::Banner;
use crate::settings::{Preferences, Speed, ThemeChoice};
use crate::worker::{Command, Gone, Worker};
use crate::{files_ui, inspector_ui, keys, model_ui, page_ui, prompt_ui, settings_ui};
use crate::{theme, timeline_ui};

/// A file that was written or is being written.
#[derive(Default)]
pub struct Writing {
    /// Under way.
    pub export: Option<Export>,
    /// Part that is done, 0 to 1.
    pub part: f32,
    /// What became of the last one.
    pub outcome: String,
    /// Where the next one goes, without its ending.
    pub path: String,
    /// What to open.
    pub open: String,
}

/// The app.
pub struct App {
    /// What is kept from one start to the next.
    pub prefs: Preferences,
    /// The engine's thread.
    pub worker: Worker,
    /// One run, or two side by side.
    pub panes: Vec<Pane>,
    /// The pane that timeline and inspector are about.
    pub active: usize,
    /// Steps follow each other.
    pub playing: bool,
    /// Both panes go step by step together.
    pub in_step: bool,
    /// The model that runs begin with.
    pub model: Option<Box<Loaded>>,
    /// What is being found or loaded.
    pub busy: Option<Progress>,
    /// A model that was found and not loaded.
    pub found: Option<Found>,
    /// What is named in the model's sheet.
    pub source: Source,
    /// Names of the adapters, once somebody looked.
    pub adapters: Option<Vec<String>>,
    /// What went wrong.
    pub banner: Option<Banner>,
    /// What is beside the text.
    pub sheet: Sheet,
    /// Files.
    pub writing: Writing,
    /// A token to pin, as it is typed.
    pub pin: String,
    /// A run that is being read.
    pub(crate) opening: Option<Receiver<Result<Recording, String>>>,
    /// What was tried last, and what the model is.
    pub(crate) tried: Source,
    pub(crate) loaded_from: Source,
    /// Runs and branches that were begun.
    pub(crate) runs: u64,
    pub(crate) branches: u64,
    /// When the next step is due, in the window's seconds.
    pub(crate) due: f64,
}

/// Seconds that reports may take in a frame.
const REPORT_SECS: f64 = 0.008;
/// Seconds that a revealed cell glows.
const GLOW_SECS: f64 = 0.25;

impl App {
    /// An app whose engine is `backend`, with the preferences of the last time.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn new(ctx: &Context, prefs: Preferences, backend: impl Backend) -> std::io::Result<App> {
        theme::install(ctx);
        let wake = ctx.clone();
        let worker = Worker::spawn(backend, move || wake.request_repaint())?;
        let source = Source { name: prefs.model.clone(), adapter: prefs.adapter.clone() };
        Ok(App {
            prefs,
            worker,
            panes: vec![Pane::default()],
            active: 0,
            playing: false,
            in_step: true,
            model: None,
            busy: None,
            found: None,
            source,
            adapters: None,
            banner: None,
            sheet: Sheet::Inspector,
            writing: Writing { path: "bdlm-run".into(), ..Writing::default() },
            pin: String::new(),
            opening: None,
            tried: Source::default(),
            loaded_from: Source::default(),
            runs: 0,
            branches: 0,
            due: 0.0,
        })
    }

    /// Loads the model that is named in the sheet; at the beginning, that of the preferences.
    pub fn load(&mut self) {
        self.load_from(self.source.clone());
    }

    /// Loads a model. Runs belong to the one before.
    pub fn load_from(&mut self, source: Source) {
        self.stop();
        let what = format!("Loading {}", source.name);
        self.busy = Some(Progress { what, part: None });
        self.tried = source.clone();
        if !self.worker.send(Command::Load(source)) {
            self.fail_busy();
        }
    }

    /// Shows a recorded run.
    pub fn open(&mut self, recording: Recording) {
        self.stop();
        self.panes = vec![Pane::of(recording)];
        (self.active, self.playing) = (0, false);
    }

    /// True if a run can begin.
    pub fn can_generate(&self) -> bool {
        self.model.is_some() && self.busy.is_none() && !self.is_live()
    }

    /// True while a run can go on.
    pub fn is_live(&self) -> bool {
        self.panes.iter().any(|pane| pane.stage == Stage::Live)
    }

    /// True if a run is paused, and the prompt is another than that it was begun with.
    pub fn can_resume(&self) -> bool {
        !self.playing && self.panes.iter().any(|pane| self.can_resume_pane(pane))
    }

    /// True if this one is.
    pub(crate) fn can_resume_pane(&self, pane: &Pane) -> bool {
        pane.stage == Stage::Live && !pane.is_awaited() && pane.origin.prompt != self.prefs.prompt
    }

    /// True if a run can branch off a pane's: its tokens mean the same to the model that is loaded.
    pub fn can_branch(&self, pane: &Pane) -> bool {
        let is_same =
            |model: &Loaded| [model.name.as_str(), ""].contains(&pane.origin.model.as_str());
        self.busy.is_none() && self.model.as_deref().is_some_and(is_same)
    }

    /// The pane that timeline and inspector are about.
    pub fn pane(&self) -> &Pane {
        &self.panes[self.active.min(self.panes.len() - 1)]
    }

    /// How strongly cells glow that opened at a pane's moment, 0 to 1.
    pub fn glow(&self, ctx: &Context, pane: &Pane) -> f32 {
        let age = ctx.input(|i| i.time) - pane.shown_at;
        if self.prefs.reduce_motion || age >= GLOW_SECS || pane.shown_at == 0.0 {
            return 0.0;
        }
        ctx.request_repaint();
        (1.0 - age / GLOW_SECS) as f32
    }

    /// Takes reports and goes on with what plays: before each frame.
    pub fn advance(&mut self, ctx: &Context) {
        let now = ctx.input(|i| i.time);
        let began = std::time::Instant::now();
        while began.elapsed().as_secs_f64() < REPORT_SECS {
            match self.worker.try_recv() {
                Ok(Some(report)) => self.take(report, now),
                Ok(None) => break,
                Err(Gone) if self.model.is_none() && self.busy.is_none() => break,
                Err(Gone) => self.fail_busy(),
            }
        }
        self.take_export();
        self.take_opened();
        let dropped = |i: &egui::InputState| {
            i.raw.dropped_files.first().map(|file| file.path().to_path_buf())
        };
        if let Some(file) = ctx.input(dropped) {
            self.open_file(ctx, file);
        }
        ctx.set_theme(match self.prefs.theme {
            ThemeChoice::System => ThemePreference::System,
            ThemeChoice::Light => ThemePreference::Light,
            ThemeChoice::Dark => ThemePreference::Dark,
        });
        if self.playing {
            self.play(ctx, now);
        }
    }

    fn play(&mut self, ctx: &Context, now: f64) {
        if self.panes.iter().all(Pane::is_finished) {
            self.playing = false;
            return;
        }
        let Some(secs) = self.prefs.speed.secs() else {
            for (i, pane) in self.panes.iter_mut().enumerate() {
                pane.run_on(&self.worker, i, now);
            }
            return;
        };
        // Together, nobody goes on before the other has come.
        let waits = self.in_step && self.panes.iter().any(Pane::is_pulling);
        if waits {
            // The report wakes the window.
            return;
        }
        if now >= self.due {
            self.step_on(now);
            self.due = now.max(self.due + secs);
        }
        ctx.request_repaint_after_secs((self.due - now).max(0.0) as f32);
    }

    /// One moment on.
    pub(crate) fn step_on(&mut self, now: f64) {
        let both = self.playing || self.in_step;
        for (i, pane) in self.panes.iter_mut().enumerate() {
            if both || i == self.active {
                pane.step_on(&self.worker, i, now);
            }
        }
    }

    /// Draws the window and carries out what was asked for.
    pub fn show(&mut self, ui: &mut Ui) {
        let mut actions = Vec::new();
        keys::shortcuts(self, ui, &mut actions);
        let bar = Frame::side_top_panel(ui.style()).inner_margin(egui::Margin::symmetric(12, 9));
        Panel::top("prompt").frame(bar).show(ui, |ui| {
            prompt_ui::prompt_ui(self, ui, &mut actions);
        });
        if self.banner.is_some() {
            let ground = bar.fill(theme::palette(ui).error);
            Panel::top("banner").frame(ground).show(ui, |ui| {
                prompt_ui::banner_ui(self, ui, &mut actions);
            });
        }
        Panel::bottom("timeline").frame(bar).show(ui, |ui| {
            timeline_ui::timeline_ui(self, ui, &mut actions);
        });
        let side = Frame::side_top_panel(ui.style()).inner_margin(egui::Margin::symmetric(14, 10));
        Panel::right("side").frame(side).exact_size(SIDE_WIDTH).resizable(false).show(ui, |ui| {
            egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| match self.sheet {
                Sheet::Inspector => inspector_ui::inspector_ui(self, ui, &mut actions),
                Sheet::Settings => settings_ui::settings_ui(self, ui),
                Sheet::Model => model_ui::model_ui(self, ui, &mut actions),
                Sheet::Files => files_ui::files_ui(self, ui, &mut actions),
            });
        });
        let page = Frame::new().fill(theme::palette(ui).page);
        CentralPanel::default_margins().frame(page).show(ui, |ui| {
            page_ui::page_ui(self, ui, &mut actions);
        });
        let now = ui.input(|i| i.time);
        for action in actions {
            self.act(ui.ctx(), action, now);
        }
    }
}

/// Width of what is beside the text, in points.
const SIDE_WIDTH: f32 = 292.0;

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.advance(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.show(ui);
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        eframe::set_value(storage, eframe::APP_KEY, &self.prefs);
    }
}

impl Speed {
    /// The next faster or slower one.
    pub fn changed(self, by: isize) -> Speed {
        let at = Speed::ALL.iter().position(|&speed| speed == self).unwrap_or(2);
        Speed::ALL[at.saturating_add_signed(by).min(Speed::ALL.len() - 1)]
    }
}
