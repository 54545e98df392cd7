//! The history of runs: what is kept, on disk too, and shown again.

use crate::app::base::App;
use crate::recording::Recording;
use crate::state::{Banner, Pane, RunAction};
#[cfg(not(target_arch = "wasm32"))]
use crate::state::{History, Talk};
use crate::store::{Answer, Order, Store};
#[cfg(not(target_arch = "wasm32"))]
use crate::store::{Folder, MAX_BYTES};
use crate::system::since_1970;

impl App {
    /// Keeps runs and conversations in a folder, and lists those that are there.
    ///
    /// # Errors
    /// If the system gives no thread.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn keep_runs_in(
        &mut self,
        ctx: &egui::Context,
        folder: std::path::PathBuf,
    ) -> std::io::Result<()> {
        let wake = ctx.clone();
        let folder = Folder::new(folder, MAX_BYTES);
        let (store, found) = Store::open(folder, move || wake.request_repaint())?;
        self.state.history = History::of(found.runs);
        self.state.conversation.earlier = found.talks.into_iter().map(Talk::from).collect();
        self.store = Some(store);
        Ok(())
    }

    /// Shows the runs and the conversation again that were shown when the app was closed.
    pub fn restore(&mut self) {
        let chat = &mut self.state.conversation;
        if let Some(at) = chat.earlier.iter().position(|talk| talk.id == self.state.prefs.talk) {
            let talk = chat.earlier.remove(at);
            chat.put_aside(talk);
        }
        for (pane, (id, moment)) in self.state.prefs.shown.clone().into_iter().take(2).enumerate() {
            if self.state.history.get(id).is_some() {
                self.read(id, pane, moment);
            }
        }
    }

    /// Puts the run of a pane into the history.
    pub(super) fn add_run(&mut self, pane: usize) {
        let millis = since_1970().as_millis();
        let origin = self.state.panes[pane].origin.clone();
        let id = self.state.history.add(origin, u64::try_from(millis).unwrap_or(0));
        self.state.panes[pane].kept = Some(id);
        let shown: Vec<u64> = self.state.panes.iter().filter_map(|pane| pane.kept).collect();
        let dropped = self.state.history.bound(&shown);
        dropped.into_iter().for_each(|id| self.order(Order::Remove(id)));
    }

    /// Keeps what a pane has recorded so far.
    pub(super) fn record(&mut self, pane: usize) {
        let Some(shown) = self.state.panes.get(pane) else { return };
        let Some(id) = shown.kept else { return };
        let recording = shown.recording.clone();
        if self.state.history.update(id, &recording) {
            self.order(Order::Write(id, recording));
            self.write_index();
        }
    }

    pub(super) fn record_all(&mut self) {
        (0..self.state.panes.len()).for_each(|pane| self.record(pane));
    }

    /// What the next start of the app shows.
    pub fn remember_session(&mut self) {
        self.record_all();
        self.keep_conversation();
        self.state.prefs.talk = self.state.conversation.id;
        let shown = |pane: &Pane| Some((pane.kept?, pane.position));
        self.state.prefs.shown = self.state.panes.iter().filter_map(shown).collect();
    }

    /// Does something with a run.
    pub(super) fn do_with_run(&mut self, action: RunAction, now: f64) {
        let history = &mut self.state.history;
        match action {
            RunAction::Show(id) => return self.show_run(id, self.state.active, now),
            RunAction::Compare(id) => {
                self.compare(true);
                self.state.in_step = false;
                return self.show_run(id, 1 - self.state.active, now);
            }
            RunAction::Type(id, name) => return history.renaming = Some((id, name)),
            RunAction::Rename(id, name) => history.rename(id, &name),
            RunAction::Pin(id, is_pinned) => history.pin(id, is_pinned),
            RunAction::Delete(id) => {
                if let Some(before) = history.delete(id) {
                    self.order(Order::Remove(before));
                }
            }
            RunAction::Undelete => drop(history.undelete()),
        }
        self.write_index();
    }

    /// Shows a run in a pane; what the pane showed is kept.
    fn show_run(&mut self, id: u64, pane: usize, now: f64) {
        self.record_all();
        if let Some(command) = self.state.panes[pane].end() {
            self.engine.send(command);
        }
        self.state.playing = false;
        match self.state.history.recording(id).cloned() {
            Some(recording) => self.put(id, pane, recording, usize::MAX, now),
            None => self.read(id, pane, usize::MAX),
        }
    }

    fn read(&mut self, id: u64, pane: usize, moment: usize) {
        self.reading.push((id, pane, moment));
        self.order(Order::Read(id));
    }

    fn put(&mut self, id: u64, pane: usize, recording: Recording, moment: usize, now: f64) {
        let Some(origin) = self.state.history.get(id).map(|run| run.origin.clone()) else { return };
        let mut shown = Pane::of(recording);
        if !origin.model.is_empty() {
            shown.made_with = origin.settings.summary();
        }
        (shown.kept, shown.origin) = (Some(id), origin);
        shown.show(moment, now);
        while self.state.panes.len() <= pane {
            self.compare(true);
        }
        self.state.panes[pane] = shown;
    }

    /// Takes what the disk's thread reports.
    pub(super) fn take_store(&mut self) {
        while let Some(answer) = self.store.as_ref().and_then(Store::try_recv) {
            match answer {
                Answer::Read(id, outcome) => self.take_run(id, outcome),
                Answer::Dropped(ids) => {
                    ids.into_iter().for_each(|id| self.state.history.forget(id));
                    self.write_index();
                }
                Answer::Failed(cause) => {
                    self.state.history.is_stored = false;
                    let words = "Runs and conversations cannot be kept on disk; they stay until the window closes.";
                    self.state.banner = Some(Banner::of(words, cause));
                }
            }
        }
    }

    fn take_run(&mut self, id: u64, outcome: Result<Recording, String>) {
        let waiting: Vec<_> = self.reading.extract_if(.., |reading| reading.0 == id).collect();
        match outcome {
            Ok(recording) => {
                self.state.history.remember(id, recording.clone());
                for (_, pane, moment) in waiting {
                    self.put(id, pane, recording.clone(), moment, 0.0);
                }
            }
            Err(cause) => {
                self.state.banner = Some(Banner::of("The run could not be read.", cause));
            }
        }
    }

    fn write_index(&self) {
        self.order(Order::Index(self.state.history.runs().to_vec()));
    }

    pub(super) fn order(&self, order: Order) {
        if let Some(store) = &self.store {
            store.send(order);
        }
    }
}
