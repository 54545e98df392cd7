//! Files: what is written, and what is opened.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use egui::Context;

use crate::app::base::App;
use crate::export::{Export, ExportReport, Scene, made_with};
use crate::recording::{Recording, read_events};
use crate::state::{Banner, Dialog, Edit, Format, Sheet};

/// What the user will choose in a dialog.
type Asked = Pin<Box<dyn Future<Output = Option<rfd::FileHandle>> + Send>>;

impl App {
    /// Writes a file of the active pane, beside those that are there.
    pub(super) fn export(&mut self, ctx: &Context, format: Format, path: PathBuf) {
        self.write(ctx, format, free(path));
    }

    fn write(&mut self, ctx: &Context, format: Format, path: PathBuf) {
        let pane = self.state.pane();
        let scene = Scene {
            recording: pane.recording.clone(),
            moment: pane.position,
            prefs: self.state.prefs.clone(),
            origin: pane.origin.clone(),
            pixels: self.state.files.pixels,
            is_dark: ctx.theme() == egui::Theme::Dark,
            adapter: self.state.prefs.adapter.clone(),
        };
        let wake = ctx.clone();
        match Export::begin(scene, format, path, move || wake.request_repaint()) {
            Ok(export) => (self.export, self.state.files.writing) = (Some(export), Some(0.0)),
            Err(e) => self.state.files.outcome = format!("No thread to write with: {e}"),
        }
    }

    /// Cancels what is being written.
    pub(super) fn cancel_export(&mut self) {
        if let Some(export) = &self.export {
            export.cancel();
        }
    }

    /// Takes what an export reports.
    pub(super) fn take_export(&mut self) {
        let Some(export) = &self.export else { return };
        let files = &mut self.state.files;
        loop {
            match export.reports.try_recv() {
                Ok(ExportReport::Progress(part)) => {
                    files.writing = Some(part);
                    continue;
                }
                Err(TryRecvError::Empty) => return,
                Ok(ExportReport::Written(path)) => {
                    files.outcome = format!("Written: {}", path.display());
                }
                Ok(ExportReport::Cancelled) => {
                    files.outcome = "Cancelled; no file was written.".into();
                }
                Ok(ExportReport::Failed(error)) => {
                    let banner = Banner::of("The file could not be written.", error.to_string());
                    self.state.banner = Some(banner);
                }
                Err(TryRecvError::Disconnected) => {}
            }
            break;
        }
        (self.export, files.writing) = (None, None);
    }

    /// Reads the run of a file, on a thread of its own.
    pub(super) fn open_file(&mut self, ctx: &Context, path: PathBuf) {
        let ((outbox, opening), wake) = (sync_channel(1), ctx.clone());
        let read = move || {
            let origin = made_with(&path).unwrap_or_default();
            let _ = outbox.send(read_events(&path).map(|events| (Recording::of(events), origin)));
            wake.request_repaint();
        };
        match std::thread::Builder::new().name("bdlm-open".into()).spawn(read) {
            Ok(_) => self.opening = Some(opening),
            Err(e) => self.state.files.outcome = format!("No thread to read with: {e}"),
        }
    }

    /// A file or a folder was dropped on the window.
    pub(super) fn take_dropped(&mut self, ctx: &Context, path: PathBuf) {
        if path.is_dir() {
            let name = path.display().to_string();
            self.state.edit(Edit::ModelName(name));
            self.show_sheet(Sheet::Model);
            self.find(self.state.models.source.clone());
        } else {
            self.open_file(ctx, path);
        }
    }

    /// Opens a dialog of the system; the window goes on meanwhile.
    pub(super) fn ask(&mut self, ctx: &Context, dialog: Dialog) {
        let path = PathBuf::from(&self.state.files.path);
        let mut asked = rfd::AsyncFileDialog::new();
        if let Some(folder) = path.parent() {
            asked = asked.set_directory(folder);
        }
        let answer: Asked = match dialog {
            Dialog::Save(format) => {
                let stem = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let name = format!("{stem}.{}", format.ending());
                let asked = asked.add_filter(format.name(), &[format.ending()]);
                Box::pin(asked.set_file_name(name).save_file())
            }
            Dialog::OpenRun => Box::pin(asked.add_filter("Runs", &["jsonl"]).pick_file()),
            Dialog::ModelFolder | Dialog::TrainFolder => Box::pin(asked.pick_folder()),
            Dialog::TrainTexts | Dialog::ValidTexts => Box::pin(asked.pick_file()),
        };
        let ((outbox, asking), wake) = (sync_channel(1), ctx.clone());
        let wait = move || {
            let path = pollster::block_on(answer).map(|handle| handle.path().to_path_buf());
            let _ = outbox.send(path);
            wake.request_repaint();
        };
        if std::thread::Builder::new().name("bdlm-dialog".into()).spawn(wait).is_ok() {
            (self.asking, self.state.files.asks) = (Some((dialog, asking)), true);
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
        let Some(path) = answer else {
            self.state.files.outcome =
                "Nothing was chosen. If no dialog came, write the path by hand.".into();
            return;
        };
        match dialog {
            Dialog::Save(format) => {
                self.state.files.path = path.with_extension("").display().to_string();
                self.write(ctx, format, path);
            }
            Dialog::OpenRun => self.open_file(ctx, path),
            Dialog::ModelFolder => self.take_dropped(ctx, path),
            Dialog::TrainTexts => self.state.prefs.train.data = path.display().to_string(),
            Dialog::ValidTexts => self.state.prefs.train.valid = path.display().to_string(),
            Dialog::TrainFolder => self.state.prefs.train.out = path.display().to_string(),
        }
    }

    /// Shows what was read.
    pub(super) fn take_opened(&mut self) {
        let Some(Ok(outcome)) = self.opening.as_ref().map(Receiver::try_recv) else { return };
        self.opening = None;
        match outcome {
            Ok((recording, origin)) => self.open_with(recording, origin),
            Err(cause) => {
                self.state.banner = Some(Banner::of("The run could not be opened.", cause));
            }
        }
    }
}

/// The path, or the first with a number that is not taken: no file is overwritten.
pub(super) fn free(path: PathBuf) -> PathBuf {
    if !path.exists() {
        return path;
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
    let numbered = |n: usize| path.with_file_name(format!("{stem}-{n}.{ending}"));
    (2..).map(numbered).find(|path| !path.exists()).unwrap_or(path)
}
