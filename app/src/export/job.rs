//! An export, on a thread of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_channel::{Receiver, bounded};

use crate::export::error::PictureError;
use crate::export::file::write_beside;
use crate::export::image::{animation, png};
use crate::export::scene::{Painter, Scene};
use crate::export::words::{events, markdown};
use crate::recording::text;
use crate::state::Format;
use crate::system::beside;

/// Part of the work from one report to the next: the window is drawn at each.
const REPORTED: f32 = 0.05;

/// What an export reports.
#[derive(Debug)]
pub enum ExportReport {
    /// Part that is done, 0 to 1.
    Progress(f32),
    /// The file is there.
    Written(PathBuf),
    /// It was cancelled; there is no file.
    Cancelled,
    /// It failed.
    Failed(PictureError),
}

/// An export under way.
pub struct Export {
    /// What it reports.
    pub reports: Receiver<ExportReport>,
    cancel: Arc<AtomicBool>,
}

impl Export {
    /// Begins to write, on a thread of its own.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn begin(
        scene: Scene,
        format: Format,
        path: PathBuf,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Export> {
        let (outbox, reports) = bounded(16);
        let cancel = Arc::new(AtomicBool::new(false));
        let flag = cancel.clone();
        beside("bdlm-export", async move || {
            let mut reported = 0.0;
            let mut go_on = |part: f32| {
                if part - reported >= REPORTED {
                    reported = part;
                    let _ = outbox.try_send(ExportReport::Progress(part));
                    wake();
                }
                !flag.load(Ordering::SeqCst)
            };
            let outcome = write(&scene, format, &path, &mut go_on).await;
            let report = match outcome {
                Ok(true) => ExportReport::Written(path),
                Ok(false) => ExportReport::Cancelled,
                Err(e) => ExportReport::Failed(e),
            };
            let _ = outbox.send(report).await;
            wake();
        })?;
        Ok(Export { reports, cancel })
    }

    /// Cancels it; no file is left.
    pub fn cancel(&self) {
        self.cancel.store(true, Ordering::SeqCst);
    }
}

/// Writes a scene. `go_on` gets the part that is done; if it returns false, nothing is written, and
/// the result is false.
async fn write(
    scene: &Scene,
    format: Format,
    path: &Path,
    go_on: &mut dyn FnMut(f32) -> bool,
) -> Result<bool, PictureError> {
    let bytes = match format {
        Format::Text => text(&scene.recording, scene.moment).into_bytes(),
        Format::Markdown => markdown(scene).into_bytes(),
        Format::Events => events(scene).into_bytes(),
        Format::Vector => {
            let one = std::iter::once(scene.moment);
            Painter::new(scene, one).await?.draw(scene.moment).into_bytes()
        }
        Format::Picture => {
            let one = std::iter::once(scene.moment);
            png(&Painter::new(scene, one).await?.paint(scene.moment).await?)?
        }
        Format::Animation => match animation(scene, go_on).await? {
            Some(bytes) => bytes,
            None => return Ok(false),
        },
    };
    write_beside(path, &bytes)?;
    Ok(true)
}
