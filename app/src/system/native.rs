//! A computer: threads, the disk, the system's dialogs.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bdlm::hub::Output;
use egui_system_font_provider::SystemFontProvider;

use crate::system::{Picked, Wanted};

/// What the user will choose in a dialog.
type Asked = Pin<Box<dyn Future<Output = Option<rfd::FileHandle>> + Send>>;

/// The time since 1970.
pub(crate) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Does something on a thread of its own.
///
/// # Errors
/// If the system gives no thread.
pub(crate) fn beside(name: &str, work: impl AsyncFnOnce() + Send + 'static) -> io::Result<()> {
    let work = move || pollster::block_on(work());
    std::thread::Builder::new().name(name.into()).spawn(work).map(drop)
}

/// Lets egui find fonts of the system for what its own lack.
pub(crate) fn add_system_fonts(ctx: &egui::Context) {
    ctx.add_font_provider(Arc::new(SystemFontProvider::new()));
}

/// The bytes of a file.
///
/// # Errors
/// What the system says.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(path)
}

/// Writes a file beside its place and renames it; links, pipes and permissions stay as they are.
///
/// # Errors
/// What the system says.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut output = Output::create(path)?;
    output.write_all(bytes)?;
    output.finish()
}

/// There is no page.
pub(crate) fn page_address() -> String {
    String::new()
}

/// There is no page.
pub(crate) fn page_hub() -> Option<String> {
    None
}

/// The folder in which the program was started.
pub(crate) fn start_folder() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}

/// The path, or the first with a number that is not taken: no file is overwritten.
pub(crate) fn free(path: PathBuf) -> PathBuf {
    if !path.exists() {
        return path;
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
    let numbered = |n: usize| path.with_file_name(format!("{stem}-{n}.{ending}"));
    (2..).map(numbered).find(|path| !path.exists()).unwrap_or(path)
}

/// Opens a dialog in a folder, and calls `wake` when the user has chosen something, or nothing.
///
/// # Errors
/// If the system gives no thread to wait on.
pub(crate) fn ask(
    wanted: Wanted,
    folder: Option<&Path>,
    wake: impl Fn() + Send + 'static,
) -> io::Result<Receiver<Option<Picked>>> {
    let mut dialog = rfd::AsyncFileDialog::new();
    if let Some(folder) = folder {
        dialog = dialog.set_directory(folder);
    }
    let answer: Asked = match wanted {
        Wanted::Save { name, kind: (what, ending) } => {
            Box::pin(dialog.add_filter(what, &[ending]).set_file_name(name).save_file())
        }
        Wanted::File(Some((what, ending))) => {
            Box::pin(dialog.add_filter(what, &[ending]).pick_file())
        }
        Wanted::File(None) => Box::pin(dialog.pick_file()),
        Wanted::Folder => Box::pin(dialog.pick_folder()),
    };
    let (outbox, asking) = sync_channel(1);
    let wait = async move || {
        let path = answer.await.map(|handle| handle.path().to_path_buf());
        let _ = outbox.send(path.map(Picked::Path));
        wake();
    };
    beside("bdlm-dialog", wait)?;
    Ok(asking)
}

/// What was dropped on the window: the first of the files.
pub(crate) fn dropped(
    files: &[egui::DroppedFileHandle],
    _wake: impl Fn() + Send + 'static,
) -> Receiver<Option<Picked>> {
    let (outbox, dropped) = sync_channel(1);
    let path = files.first().map(|file| Picked::Path(file.path().to_path_buf()));
    let _ = outbox.send(path);
    dropped
}
