//! Files that are written.

use async_channel::TryRecvError;
use std::path::PathBuf;

use egui::Context;

use crate::app::base::App;
use crate::export::{Export, ExportReport, Scene};
use crate::state::{Banner, Format, Link};
use crate::system::{free, page_address, page_hub};

impl App {
    /// Writes a file of the active pane, beside those that are there.
    pub(super) fn export(&mut self, ctx: &Context, format: Format, path: PathBuf) {
        self.write(ctx, format, free(path));
    }

    pub(super) fn write(&mut self, ctx: &Context, format: Format, path: PathBuf) {
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

    /// Copies an address that writes the active pane's text again.
    pub(super) fn copy_link(&mut self, ctx: &Context) {
        let query = Link::query(&self.state.pane().origin, page_hub().as_deref());
        ctx.copy_text(page_address() + &query);
        self.state.files.outcome = "The link is in the clipboard.".into();
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
                Err(TryRecvError::Closed) => {}
            }
            break;
        }
        (self.export, files.writing) = (None, None);
    }
}
