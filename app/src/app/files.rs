//! Files: what is written, and what is opened.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use egui::Context;

use crate::app::base::App;
use crate::export::{Export, ExportReport, Scene};
use crate::recording::{Recording, read_events};
use crate::state::{Banner, Format};

impl App {
    /// Writes a file of the active pane.
    pub(super) fn export(&mut self, ctx: &Context, format: Format, path: PathBuf) {
        let pane = self.state.pane();
        let scene = Scene {
            recording: pane.recording.clone(),
            moment: pane.position,
            color_by: self.state.prefs.color_by,
            is_dark: ctx.theme() == egui::Theme::Dark,
            adapter: self.state.prefs.adapter.clone(),
        };
        let wake = ctx.clone();
        let path = free(path);
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
            let _ = outbox.send(read_events(&path).map(Recording::of));
            wake.request_repaint();
        };
        match std::thread::Builder::new().name("bdlm-open".into()).spawn(read) {
            Ok(_) => self.opening = Some(opening),
            Err(e) => self.state.files.outcome = format!("No thread to read with: {e}"),
        }
    }

    /// Shows what was read.
    pub(super) fn take_opened(&mut self) {
        let Some(Ok(outcome)) = self.opening.as_ref().map(Receiver::try_recv) else { return };
        self.opening = None;
        match outcome {
            Ok(recording) => self.open(recording),
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
