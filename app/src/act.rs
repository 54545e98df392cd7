//! Wishes, carried out.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};

use bdlm::sample::{Prompt, Request, Sampler, SamplerKind};
use egui::Context;

use crate::action::{Action, Sheet};
use crate::app::App;
use crate::backend::{Progress, Source};
use crate::export::{self, Export, Format, Scene};
use crate::pane::{Origin, Pane, Stage};
use crate::recording::{CellAt, Recording};
use crate::reports::{Banner, Remedy};
use crate::settings::SampleSettings;
use crate::worker::Command;

impl App {
    /// Carries out a wish.
    pub fn act(&mut self, ctx: &Context, action: Action, now: f64) {
        if action.pane().is_some_and(|pane| pane >= self.panes.len()) {
            return;
        }
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
            Action::Hover(pane, cell) => {
                self.panes[pane].hovered = cell;
                ctx.request_repaint();
            }
            Action::Select(pane, cell) => self.select(pane, cell),
            Action::Steer(pane, cell, by) => {
                self.playing = false;
                self.panes[pane].steer(&self.worker, pane, cell, by);
                self.pin.clear();
            }
            Action::Branch(pane, block_idx) => self.branch(pane, block_idx),
            Action::Compare(on) => self.compare(on),
            Action::InStep(on) => self.in_step = on,
            Action::Sheet(sheet) => {
                if sheet == Sheet::Model && self.adapters.is_none() {
                    self.worker.send(Command::Adapters);
                }
                self.sheet = if self.sheet == sheet { Sheet::Inspector } else { sheet };
            }
            Action::FindModel => self.find(self.source.clone()),
            Action::LoadModel => self.load(),
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
            Action::Open(path) => self.open_file(ctx, path),
            Action::Remedy => self.remedy(now),
            Action::Dismiss => self.banner = None,
        }
    }

    /// Holds on to a cell, or lets go of it if it is held already.
    fn select(&mut self, pane: usize, cell: Option<CellAt>) {
        self.active = pane;
        let again = self.panes[pane].selected == cell;
        self.panes[pane].selected = if again { None } else { cell };
        (self.sheet, self.pin) = (Sheet::Inspector, String::new());
    }

    fn generate(&mut self, now: f64) {
        if !self.can_generate() {
            return;
        }
        self.banner = None;
        for pane in 0..self.panes.len() {
            self.begin_text(pane, self.prefs.panes[pane].clone(), String::new());
        }
        (self.playing, self.due) = (true, now);
    }

    /// Begins anew with the prompt as it is now and the finished blocks behind it.
    fn resume(&mut self, now: f64) {
        if !self.can_resume() {
            return;
        }
        for pane in 0..self.panes.len() {
            let shown = &self.panes[pane];
            if self.can_resume_pane(shown) {
                let written = shown.recording.blocks(shown.position).map(|b| b.text.as_str());
                let carried = shown.origin.carried.clone() + &written.collect::<String>();
                self.begin_text(pane, shown.origin.settings.clone(), carried);
            }
        }
        (self.playing, self.due) = (true, now);
    }

    /// Begins a run from the prompt, with text behind it that was written before.
    fn begin_text(&mut self, pane: usize, settings: SampleSettings, carried: String) {
        let prompt = self.prefs.prompt.clone();
        let request = settings.request(Prompt::Text(prompt.clone() + &carried));
        self.begin(pane, request, Origin { settings, prompt, carried, ..Origin::default() });
    }

    fn begin(&mut self, pane: usize, mut request: Request, mut origin: Origin) {
        let Some(model) = &self.model else { return };
        origin.model = model.name.clone();
        // What was chosen for another kind of model does not count.
        if model.block_size.is_none() {
            (request.block_size, origin.settings.block_size) = (None, None);
        }
        if !model.has_samplers {
            origin.settings.sampler = SamplerKind::FirstHitting;
            request.sampling.sampler = Sampler::FirstHitting;
        }
        self.runs += 1;
        let at = (pane, self.runs);
        if !self.panes[pane].begin(&self.worker, at, request, origin) {
            self.panes[pane].fail();
            self.fail_busy();
        }
    }

    /// Ends the runs; what they wrote stays.
    pub fn stop(&mut self) {
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

    /// Goes on from the end of a block in the other pane.
    fn branch(&mut self, pane: usize, block_idx: usize) {
        let shown = &self.panes[pane];
        let ids = shown.recording.ids_to(shown.position, block_idx);
        let length = shown.recording.start().map_or(0, |start| start.length);
        let Some((_, tokens)) = ids.split_first().filter(|_| self.can_branch(shown)) else {
            return;
        };
        if ids.len() >= length {
            let sentence = "There is nothing to go on with.".into();
            let cause = format!("The block is the last of {length} tokens: branch from another.");
            self.banner = Some(Banner { sentence, cause, remedy: None });
            return;
        }
        self.branches += 1;
        let mut settings = shown.origin.settings.clone();
        settings.seed = settings.seed.wrapping_add(self.branches);
        settings.block_size = shown.recording.start().map(|start| start.block_size);
        settings.length = length;
        let request = settings.request(Prompt::Ids(tokens.to_vec()));
        let written = shown.recording.blocks(shown.position);
        let written = written.filter(|block| block.block_idx <= block_idx).map(|b| b.text.as_str());
        let Origin { prompt, carried, .. } = shown.origin.clone();
        let carried = carried + &written.collect::<String>();
        self.compare(true);
        let other = 1 - pane;
        self.begin(other, request, Origin { settings, prompt, carried, ..Origin::default() });
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

    fn find(&mut self, source: Source) {
        let what = format!("Finding {}", source.name);
        self.busy = Some(Progress { what, part: None });
        self.tried = source.clone();
        let request = Box::new(self.prefs.panes[0].request(Prompt::Ids(Vec::new())));
        if !self.worker.send(Command::Find(source, request)) {
            self.fail_busy();
        }
    }

    fn export(&mut self, ctx: &Context, format: Format, path: PathBuf) {
        let pane = self.pane();
        let scene = Scene {
            recording: pane.recording.clone(),
            moment: pane.position,
            color_by: self.prefs.color_by,
            is_dark: ctx.theme() == egui::Theme::Dark,
            adapter: self.prefs.adapter.clone(),
        };
        let wake = ctx.clone();
        let path = free(path);
        match Export::begin(scene, format, path, move || wake.request_repaint()) {
            Ok(export) => (self.writing.export, self.writing.part) = (Some(export), 0.0),
            Err(e) => self.writing.outcome = format!("No thread to write with: {e}"),
        }
    }

    /// Reads the run of a file, on a thread of its own.
    pub fn open_file(&mut self, ctx: &Context, path: PathBuf) {
        let ((outbox, opening), wake) = (sync_channel(1), ctx.clone());
        let read = move || {
            let _ = outbox.send(export::read_events(&path).map(Recording::of));
            wake.request_repaint();
        };
        match std::thread::Builder::new().name("bdlm-open".into()).spawn(read) {
            Ok(_) => self.opening = Some(opening),
            Err(e) => self.writing.outcome = format!("No thread to read with: {e}"),
        }
    }

    /// Shows what was read.
    pub fn take_opened(&mut self) {
        let Some(Ok(outcome)) = self.opening.as_ref().map(Receiver::try_recv) else { return };
        self.opening = None;
        match outcome {
            Ok(recording) => self.open(recording),
            Err(cause) => {
                let sentence = "The run could not be opened.".into();
                self.banner = Some(Banner { sentence, cause, remedy: None });
            }
        }
    }

    fn remedy(&mut self, now: f64) {
        let Some(Banner { remedy: Some((_, remedy)), .. }) = self.banner.take() else { return };
        match remedy {
            Remedy::Find(source) => self.find(source),
            Remedy::Load(source) => {
                self.source = source.clone();
                self.load_from(source);
            }
            Remedy::ShowModel => self.sheet = Sheet::Model,
            Remedy::ShowSettings => self.sheet = Sheet::Settings,
            Remedy::Generate => self.generate(now),
        }
    }
}

/// The path, or the first with a number that is not taken: no file is overwritten.
fn free(path: PathBuf) -> PathBuf {
    if !path.exists() {
        return path;
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
    let numbered = |n: usize| path.with_file_name(format!("{stem}-{n}.{ending}"));
    (2..).map(numbered).find(|path| !path.exists()).unwrap_or(path)
}
