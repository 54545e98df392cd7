//! Wishes, carried out.

use std::path::{Path, PathBuf};

use bdlm::hub::DEFAULT_MODEL;
use bdlm::sample::{Prompt, Request};
use egui::Context;

use crate::action::{Action, Sheet};
use crate::app::App;
use crate::backend::{Progress, Source};
use crate::export::{self, Export, Format, Scene};
use crate::pane::{Pane, Stage};
use crate::recording::Recording;
use crate::reports::{Banner, Remedy};
use crate::settings::SampleSettings;
use crate::worker::Command;

impl App {
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

    fn begin(&mut self, pane: usize, request: Request) {
        self.runs += 1;
        let settings = SampleSettings { seed: request.seed, ..self.prefs.panes[pane].clone() };
        let at = (pane, self.runs);
        if !self.panes[pane].begin(&self.worker, at, request, &settings) {
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
        self.begin(other, Request { length, ..request });
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
        match Export::begin(scene, format, path, move || wake.request_repaint()) {
            Ok(export) => (self.writing.export, self.writing.part) = (Some(export), 0.0),
            Err(e) => self.writing.outcome = format!("No thread to write with: {e}"),
        }
    }

    /// Shows the run of a file.
    pub fn open_file(&mut self, path: &Path) {
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
                self.source = Source { name: DEFAULT_MODEL.into(), adapter: None };
                self.load();
            }
            Remedy::ShowModel => self.sheet = Sheet::Model,
            Remedy::ShowSettings => self.sheet = Sheet::Settings,
            Remedy::Generate => self.generate(now),
        }
    }
}
