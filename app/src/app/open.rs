//! What the user chooses in a dialog, drops on the window, or names: runs, models, texts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use egui::Context;

use crate::app::base::App;
use crate::engine::Source;
use crate::export::made_with;
use crate::recording::{Recording, events_of};
use crate::state::{Banner, Dialog, Edit, Origin, Sheet, View};
use crate::system::{self, IS_PAGE, Picked, Wanted};

impl App {
    /// Reads the run of a file, beside the window.
    pub(super) fn open_file(&mut self, ctx: &Context, path: PathBuf) {
        let ((outbox, opening), wake) = (sync_channel(1), ctx.clone());
        let read = async move || {
            let shown = path.display().to_string();
            let bytes = system::read(&path).map_err(|e| format!("{shown} cannot be read: {e}"));
            let _ = outbox.send(bytes.and_then(|bytes| opened(&shown, &bytes)));
            wake.request_repaint();
        };
        match system::beside("bdlm-open", read) {
            Ok(()) => self.opening = Some(opening),
            Err(e) => self.state.files.outcome = format!("No thread to read with: {e}"),
        }
    }

    /// Takes what was dropped on the window.
    pub(super) fn take_dropped(&mut self, ctx: &Context) {
        let files = ctx.input(|i| i.raw.dropped_files.clone());
        if !files.is_empty() {
            let wake = ctx.clone();
            self.dropped = Some(system::dropped(&files, move || wake.request_repaint()));
        }
        let answer = match self.dropped.as_ref().map(Receiver::try_recv) {
            None | Some(Err(TryRecvError::Empty)) => return,
            Some(Ok(answer)) => answer,
            Some(Err(TryRecvError::Disconnected)) => None,
        };
        self.dropped = None;
        match (answer, self.state.view) {
            (Some(Picked::Path(path)), View::Training) => self.drop_on_training(&path),
            (Some(picked), _) => self.open_picked(ctx, picked),
            (None, _) => {
                let cause = "Drop files, not a folder: a page cannot look into one.";
                self.state.banner = Some(Banner::of("What was dropped could not be read.", cause));
            }
        }
    }

    /// A run or a model.
    fn open_picked(&mut self, ctx: &Context, picked: Picked) {
        match picked {
            Picked::Path(path) if path.is_dir() => {
                self.state.edit(Edit::ModelName(path.display().to_string()));
                self.show_sheet(Sheet::Model);
                self.find(self.state.models.source.clone());
            }
            Picked::Path(path) => self.open_file(ctx, path),
            Picked::Files(files) => self.open_files(files),
        }
    }

    /// Files of which only names and bytes are known: one of text lines is a run, others are a model.
    fn open_files(&mut self, files: Vec<(String, Arc<[u8]>)>) {
        match files.as_slice() {
            [(name, bytes)] if is_run(name, bytes) => self.show_opened(opened(name, bytes)),
            _ => {
                let adapter = self.state.models.source.adapter.clone();
                self.load_from(Source { name: Source::HANDED_OVER.into(), adapter, files });
            }
        }
    }

    /// Opens a dialog of the system; the window goes on meanwhile.
    pub(super) fn ask(&mut self, ctx: &Context, dialog: Dialog) {
        let path = PathBuf::from(&self.state.files.path);
        let wanted = match dialog {
            Dialog::Save(format) => {
                let stem = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let name = format!("{stem}.{}", format.ending());
                Wanted::Save { name, kind: (format.name(), format.ending()) }
            }
            Dialog::OpenRun => Wanted::File(Some(("Runs", "jsonl"))),
            Dialog::ModelFolder | Dialog::TrainFolder => Wanted::Folder,
            Dialog::TrainTexts | Dialog::ValidTexts => Wanted::File(None),
        };
        let wake = ctx.clone();
        match system::ask(wanted, path.parent(), move || wake.request_repaint()) {
            Ok(asking) => (self.asking, self.state.files.asks) = (Some((dialog, asking)), true),
            Err(e) => self.state.files.outcome = format!("No dialog can be opened: {e}"),
        }
    }

    /// Takes what the user chose in a dialog.
    pub(super) fn take_asked(&mut self, ctx: &Context) {
        let Some((dialog, asking)) = &self.asking else { return };
        let (dialog, answer) = match asking.try_recv() {
            Ok(answer) => (*dialog, answer),
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => (*dialog, None),
        };
        (self.asking, self.state.files.asks) = (None, false);
        match (dialog, answer) {
            (_, None) if IS_PAGE => {}
            (_, None) => {
                self.state.files.outcome =
                    "Nothing was chosen. If no dialog came, write the path by hand.".into();
            }
            (Dialog::OpenRun | Dialog::ModelFolder, Some(picked)) => self.open_picked(ctx, picked),
            (_, Some(Picked::Files(_))) => {}
            (Dialog::Save(format), Some(Picked::Path(path))) => {
                self.state.files.path = path.with_extension("").display().to_string();
                self.write(ctx, format, path);
            }
            (Dialog::TrainTexts, Some(Picked::Path(path))) => {
                self.state.prefs.train.data = path.display().to_string();
            }
            (Dialog::ValidTexts, Some(Picked::Path(path))) => {
                self.state.prefs.train.valid = path.display().to_string();
            }
            (Dialog::TrainFolder, Some(Picked::Path(path))) => {
                self.state.prefs.train.out = path.display().to_string();
            }
        }
    }

    /// Shows what was read.
    pub(super) fn take_opened(&mut self) {
        let Some(Ok(outcome)) = self.opening.as_ref().map(Receiver::try_recv) else { return };
        self.opening = None;
        self.show_opened(outcome);
    }

    fn show_opened(&mut self, outcome: Result<(Recording, Origin), String>) {
        match outcome {
            Ok((recording, origin)) => self.open_with(recording, origin),
            Err(cause) => {
                self.state.banner = Some(Banner::of("The run could not be opened.", cause));
            }
        }
    }
}

fn opened(shown: &str, bytes: &[u8]) -> Result<(Recording, Origin), String> {
    let events = events_of(shown, bytes)?;
    Ok((Recording::of(events), made_with(bytes).unwrap_or_default()))
}

/// True for lines of events, by their name or their beginning.
fn is_run(name: &str, bytes: &[u8]) -> bool {
    let is_named = Path::new(name).extension().is_some_and(|ending| ending == "jsonl");
    is_named || bytes.starts_with(b"{\"event\"")
}
