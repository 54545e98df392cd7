//! The window: its state, what reports and wishes do to it, and where its parts are.

use bdlm::Error;
use bdlm::sample::Prompt;

use egui::{CentralPanel, Context, Frame, Panel, ThemePreference, Ui};

use crate::action::{Action, Sheet};
use crate::backend::{Backend, Found, Loaded, Progress, Source};
use crate::export::{self, Export, ExportReport, Scene};
use crate::pane::{Pane, Stage};
use crate::recording::Recording;
use crate::settings::{Preferences, Speed, ThemeChoice};
use crate::worker::{Attempt, Command, Report, Worker};
use crate::{files_ui, inspector_ui, keys, model_ui, page_ui, prompt_ui, settings_ui};
use crate::{theme, timeline_ui};

/// What the banner's button does.
#[derive(Clone, Debug, PartialEq)]
pub enum Remedy {
    /// Try the load again.
    Load,
    /// Load the embedded model.
    LoadDefault,
    /// Choose a model or an adapter.
    ShowModel,
    /// Change the settings.
    ShowSettings,
    /// Begin again.
    Generate,
}

/// An error in the window.
#[derive(Clone, Debug, PartialEq)]
pub struct Banner {
    /// What happened.
    pub sentence: String,
    /// Why.
    pub cause: String,
    /// The button's words, and what it does.
    pub remedy: Option<(String, Remedy)>,
}

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
    runs: u64,
    /// When the next step is due, in the window's seconds.
    due: f64,
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
            runs: 0,
            due: 0.0,
        })
    }

    /// Loads the model of the preferences.
    pub fn load(&mut self) {
        let what = format!("Loading {}", self.source.name);
        self.busy = Some(Progress { what, part: None });
        if !self.worker.send(Command::Load(self.source.clone())) {
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
            let Some(report) = self.worker.try_recv() else { break };
            self.take(report, now);
        }
        self.take_export();
        let dropped = |i: &egui::InputState| {
            i.raw.dropped_files.first().map(|file| file.path().to_path_buf())
        };
        if let Some(file) = ctx.input(dropped) {
            self.open_file(&file);
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
        if now >= self.due && !waits {
            self.step_on(now);
            self.due = now.max(self.due + secs);
        }
        ctx.request_repaint_after_secs((self.due - now).max(0.0) as f32);
    }

    fn step_on(&mut self, now: f64) {
        let both = self.playing || self.in_step;
        for (i, pane) in self.panes.iter_mut().enumerate() {
            if both || i == self.active {
                pane.step_on(&self.worker, i, now);
            }
        }
    }

    fn take(&mut self, report: Report, now: f64) {
        match report {
            Report::Progress(progress) => {
                if let Some(busy) = &mut self.busy {
                    *busy = progress;
                }
            }
            Report::Found(found) => {
                (self.found, self.busy) = (Some(*found), None);
            }
            Report::Loaded(loaded) => {
                self.prefs.model = loaded.name.clone();
                self.prefs.adapter = self.source.adapter.clone();
                (self.model, self.found, self.busy) = (Some(loaded), None, None);
            }
            Report::Cancelled => self.busy = None,
            Report::Event { pane, run, event } => {
                if let Some(pane) = self.panes.get_mut(pane).filter(|pane| pane.is_of(run)) {
                    pane.push(*event, now);
                }
            }
            Report::Pulled { pane, run, is_over } => {
                if let Some(shown) = self.panes.get_mut(pane).filter(|pane| pane.is_of(run)) {
                    shown.pulled(&self.worker, pane, is_over);
                }
            }
            Report::Refused { pane, error } => {
                if let Some(shown) = self.panes.get_mut(pane) {
                    shown.pulled(&self.worker, pane, false);
                }
                let sentence = "That cannot be done.".into();
                self.banner = Some(Banner { sentence, cause: error.to_string(), remedy: None });
            }
            Report::Failed { what, error } => self.fail(&what, &error),
        }
    }

    fn fail(&mut self, what: &Attempt, error: &Error) {
        let words = |words: &str, remedy| Some((words.to_string(), remedy));
        let (sentence, remedy) = match what {
            Attempt::Find(name) | Attempt::Load(name) => {
                self.busy = None;
                let remedy = match error {
                    Error::Hub(_) => words("Try again", Remedy::Load),
                    Error::OutOfMemory(_) | Error::TooLarge { .. } => {
                        words("Choose a model", Remedy::ShowModel)
                    }
                    _ if name == bdlm::hub::DEFAULT_MODEL => {
                        words("Choose an adapter", Remedy::ShowModel)
                    }
                    _ => words("Load tales instead", Remedy::LoadDefault),
                };
                (format!("{name} could not be loaded."), remedy)
            }
            Attempt::Run { pane } => {
                if let Some(pane) = self.panes.get_mut(*pane) {
                    pane.fail();
                }
                self.playing = false;
                match error {
                    Error::DeviceLost(_) => {
                        self.model = None;
                        let remedy = words("Load the model again", Remedy::Load);
                        ("The device was lost; the text so far is kept.".into(), remedy)
                    }
                    Error::Request(_) | Error::Config(_) => {
                        let remedy = words("Change the settings", Remedy::ShowSettings);
                        ("This run cannot begin.".into(), remedy)
                    }
                    _ => {
                        let remedy = words("Begin again", Remedy::Generate);
                        ("The run has failed; the text so far is kept.".into(), remedy)
                    }
                }
            }
        };
        self.banner = Some(Banner { sentence, cause: error.to_string(), remedy });
    }

    fn fail_busy(&mut self) {
        self.busy = None;
        self.banner = Some(Banner {
            sentence: "The engine does not answer.".into(),
            cause: "Its thread has ended or hangs: close the window and open it again.".into(),
            remedy: None,
        });
    }

    fn take_export(&mut self) {
        let Some(export) = &self.writing.export else { return };
        let mut over = false;
        while let Ok(report) = export.reports.try_recv() {
            match report {
                ExportReport::Progress(part) => self.writing.part = part,
                ExportReport::Written(path) => {
                    self.writing.outcome = format!("Written: {}", path.display());
                    over = true;
                }
                ExportReport::Cancelled => {
                    self.writing.outcome = "Cancelled; no file was written.".into();
                    over = true;
                }
                ExportReport::Failed(error) => {
                    let sentence = "The file could not be written.".into();
                    let cause = error.to_string();
                    self.banner = Some(Banner { sentence, cause, remedy: None });
                    over = true;
                }
            }
        }
        if over {
            self.writing.export = None;
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

    /// Carries out a wish.
    pub fn act(&mut self, ctx: &Context, action: Action, now: f64) {
        match action {
            Action::Generate => self.generate(now),
            Action::Resume => self.resume(now),
            Action::Stop => self.stop(),
            Action::TogglePlay => self.toggle_play(now),
            Action::StepOn => {
                self.playing = false;
                self.step_on(now);
            }
            Action::StepBack => self.go(|position, _| position.saturating_sub(1), now),
            Action::First => self.go(|_, _| 0, now),
            Action::Last => self.go(|_, last| last, now),
            Action::Show(pane, moment) => {
                self.active = pane;
                self.go(|_, _| moment, now);
            }
            Action::Activate(pane) => self.active = pane,
            Action::Select(pane, cell) => {
                self.active = pane;
                let again = self.panes[pane].selected == cell;
                self.panes[pane].selected = if again { None } else { cell };
                (self.sheet, self.pin) = (Sheet::Inspector, String::new());
            }
            Action::Steer(pane, cell, by) => {
                self.playing = false;
                self.panes[pane].steer(&self.worker, pane, cell, by);
                self.pin.clear();
            }
            Action::Branch(pane, block_idx) => self.branch(pane, block_idx),
            Action::Compare(on) => self.compare(on),
            Action::InStep(on) => self.in_step = on,
            Action::Sheet(sheet) => {
                self.sheet = if self.sheet == sheet { Sheet::Inspector } else { sheet };
            }
            Action::FindModel => self.find(),
            Action::LoadModel => {
                self.stop();
                self.load();
            }
            Action::CancelLoad => self.worker.cancel(),
            Action::Export(format, path) => self.export(ctx, format, path),
            Action::CancelExport => {
                if let Some(export) = &self.writing.export {
                    export.cancel();
                }
            }
            Action::CopyText => {
                let pane = self.pane();
                ctx.copy_text(export::text(&pane.recording, pane.position));
                self.writing.outcome = "The text is in the clipboard.".into();
            }
            Action::Open(path) => self.open_file(&path),
            Action::Remedy => self.remedy(now),
            Action::Dismiss => self.banner = None,
        }
    }

    fn generate(&mut self, now: f64) {
        if !self.can_generate() {
            return;
        }
        self.banner = None;
        let prompt = Prompt::Text(self.prefs.prompt.clone());
        for pane in 0..self.panes.len() {
            let settings = &self.prefs.panes[pane];
            self.begin(pane, settings.request(prompt.clone()));
        }
        (self.playing, self.due) = (true, now);
    }

    /// True if the prompt is another than that of the paused run.
    pub fn can_resume(&self) -> bool {
        let prompt = self.pane().recording.start().and_then(|start| start.text.as_ref());
        self.is_live() && !self.playing && prompt.is_some_and(|text| *text != self.prefs.prompt)
    }

    /// Begins anew with the prompt as it is now and the finished blocks behind it.
    fn resume(&mut self, now: f64) {
        if !self.can_resume() {
            return;
        }
        for pane in 0..self.panes.len() {
            let shown = &self.panes[pane];
            let written = shown.recording.blocks(shown.position).map(|block| block.text.as_str());
            let text = self.prefs.prompt.clone() + &written.collect::<String>();
            self.begin(pane, self.prefs.panes[pane].request(Prompt::Text(text)));
        }
        (self.playing, self.due) = (true, now);
    }

    fn begin(&mut self, pane: usize, request: bdlm::sample::Request) {
        self.runs += 1;
        let settings = crate::settings::SampleSettings {
            seed: request.seed,
            ..self.prefs.panes[pane].clone()
        };
        let at = (pane, self.runs);
        if !self.panes[pane].begin(&self.worker, at, request, &settings) {
            self.panes[pane].fail();
            self.fail_busy();
        }
    }

    /// Ends the runs; what they wrote stays.
    fn stop(&mut self) {
        for (pane, shown) in self.panes.iter_mut().enumerate() {
            if shown.stage == Stage::Live {
                self.worker.send(Command::End { pane });
                shown.fail();
            }
        }
        self.playing = false;
    }

    fn toggle_play(&mut self, now: f64) {
        self.playing = !self.playing;
        self.due = now;
        // At the end of what was recorded, playing begins at the beginning.
        if self.playing && self.panes.iter().all(Pane::is_finished) {
            self.panes.iter_mut().for_each(|pane| pane.show(0, now));
        }
    }

    /// Shows another moment of the active pane, or of both if they go together.
    fn go(&mut self, to: impl Fn(usize, usize) -> usize, now: f64) {
        self.playing = false;
        let both = self.in_step;
        for (i, pane) in self.panes.iter_mut().enumerate() {
            if both || i == self.active {
                let last = pane.recording.moments().len().saturating_sub(1);
                pane.show(to(pane.position, last), now);
            }
        }
    }

    fn branch(&mut self, pane: usize, block_idx: usize) {
        let ids = self.panes[pane].recording.ids_to(self.panes[pane].position, block_idx);
        let Some((_, tokens)) = ids.split_first() else { return };
        self.playing = false;
        self.compare(true);
        let other = 1 - pane;
        let mut settings = self.prefs.panes[pane].clone();
        settings.seed += 1;
        self.prefs.panes[other] = settings.clone();
        let length = self.panes[pane].recording.start().map_or(settings.length, |s| s.length);
        let request = settings.request(Prompt::Ids(tokens.to_vec()));
        self.begin(other, bdlm::sample::Request { length, ..request });
        (self.in_step, self.active, self.playing) = (false, other, true);
    }

    fn compare(&mut self, on: bool) {
        if on && self.panes.len() == 1 {
            self.panes.push(Pane::default());
            self.in_step = true;
        } else if !on {
            self.worker.send(Command::End { pane: 1 });
            self.panes.truncate(1);
            self.active = 0;
        }
    }

    fn find(&mut self) {
        self.stop();
        let what = format!("Finding {}", self.source.name);
        self.busy = Some(Progress { what, part: None });
        let request = Box::new(self.prefs.panes[0].request(Prompt::Ids(Vec::new())));
        if !self.worker.send(Command::Find(self.source.clone(), request)) {
            self.fail_busy();
        }
    }

    fn export(&mut self, ctx: &Context, format: export::Format, path: std::path::PathBuf) {
        let pane = self.pane();
        let scene = Scene {
            recording: pane.recording.clone(),
            moment: pane.position,
            color_by: self.prefs.color_by,
            is_dark: ctx.theme() == egui::Theme::Dark,
            adapter: self.prefs.adapter.clone(),
        };
        let wake = ctx.clone();
        match Export::begin(scene, format, path, move || wake.request_repaint()) {
            Ok(export) => (self.writing.export, self.writing.part) = (Some(export), 0.0),
            Err(e) => self.writing.outcome = format!("No thread to write with: {e}"),
        }
    }

    fn open_file(&mut self, path: &std::path::Path) {
        match export::read_events(path) {
            Ok(events) => self.open(Recording::of(events)),
            Err(cause) => {
                let sentence = "The run could not be opened.".into();
                self.banner = Some(Banner { sentence, cause, remedy: None });
            }
        }
    }

    fn remedy(&mut self, now: f64) {
        let Some(Banner { remedy: Some((_, remedy)), .. }) = self.banner.take() else { return };
        match remedy {
            Remedy::Load => self.load(),
            Remedy::LoadDefault => {
                self.source = Source { name: bdlm::hub::DEFAULT_MODEL.into(), adapter: None };
                self.load();
            }
            Remedy::ShowModel => self.sheet = Sheet::Model,
            Remedy::ShowSettings => self.sheet = Sheet::Settings,
            Remedy::Generate => self.generate(now),
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
