//! A page: one thread, files without paths.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, Document, Event, HtmlAnchorElement, HtmlInputElement, Url};
use web_time::{SystemTime, UNIX_EPOCH};

use crate::system::{Picked, Wanted};

const A_MINUTE_MILLIS: i32 = 60_000;

/// The time since 1970.
pub(crate) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Does something between the frames of the page.
///
/// # Errors
/// None: a page can always do one thing after another.
pub(crate) fn beside(_name: &str, work: impl AsyncFnOnce() + Send + 'static) -> io::Result<()> {
    spawn_local(work());
    Ok(())
}

/// A page sees no fonts of the system: the browser draws what is missing. The symbols of buttons are ours.
pub(crate) fn add_system_fonts(ctx: &egui::Context) {
    const SYMBOLS: &str = "emoji-icon-font";
    let mut fonts = egui::FontDefinitions::default();
    let mut symbols = egui::FontData::from_static(epaint_default_fonts::EMOJI_ICON);
    symbols.tweak.scale = 0.9;
    fonts.font_data.insert(SYMBOLS.into(), Arc::new(symbols));
    fonts.families.values_mut().for_each(|family| family.push(SYMBOLS.into()));
    ctx.set_fonts(fonts);
}

/// Fails: a page cannot open a file by its path.
///
/// # Errors
/// Always.
pub(crate) fn read(_path: &Path) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Hands a file to the browser, which puts it where downloads go.
///
/// # Errors
/// What the browser says.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let parts = Array::of1(&Uint8Array::from(bytes));
    let blob = Blob::new_with_u8_array_sequence(&parts).map_err(said)?;
    let url = Url::create_object_url_with_blob(&blob).map_err(said)?;
    let link = document()?.create_element("a").map_err(said)?;
    let link: HtmlAnchorElement = link.unchecked_into();
    link.set_href(&url);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    link.set_download(&name);
    link.click();
    // Some browsers read it later.
    let forget = Closure::once_into_js(move || Url::revoke_object_url(&url));
    let window = web_sys::window().ok_or(io::ErrorKind::Unsupported)?;
    let timer = window.set_timeout_with_callback_and_timeout_and_arguments_0(
        forget.unchecked_ref(),
        A_MINUTE_MILLIS,
    );
    timer.map(drop).map_err(said)
}

/// The page's address, without what is behind a `?`.
pub(crate) fn page_address() -> String {
    let here = web_sys::window().map(|window| window.location());
    let part = |part: Result<String, JsValue>| part.unwrap_or_default();
    here.map(|here| part(here.origin()) + &part(here.pathname())).unwrap_or_default()
}

/// The hub that the page's address names.
pub(crate) fn page_hub() -> Option<String> {
    let query = web_sys::window()?.location().search().ok()?;
    form_urlencoded::parse(query.trim_start_matches('?').as_bytes())
        .find_map(|(name, value)| (name == "hub").then(|| value.into_owned()))
}

/// There are no folders.
pub(crate) fn start_folder() -> PathBuf {
    PathBuf::new()
}

/// The browser finds a free name itself.
pub(crate) fn free(path: PathBuf) -> PathBuf {
    path
}

/// Lets the user choose files, and calls `wake` when they are read.
///
/// # Errors
/// What the browser says.
pub(crate) fn ask(
    wanted: Wanted,
    _folder: Option<&Path>,
    wake: impl Fn() + Send + 'static,
) -> io::Result<Receiver<Option<Picked>>> {
    let (outbox, asking) = sync_channel(1);
    let input: HtmlInputElement =
        document()?.create_element("input").map_err(said)?.unchecked_into();
    input.set_type("file");
    match wanted {
        // The browser asks for the place, or knows it.
        Wanted::Save { name, .. } => {
            let _ = outbox.send(Some(Picked::Path(name.into())));
            wake();
            return Ok(asking);
        }
        Wanted::File(kind) => {
            input.set_accept(&kind.map(|(_, ending)| format!(".{ending}")).unwrap_or_default());
        }
        Wanted::Folder => input.set_multiple(true),
    }
    let wake = Arc::new(wake);
    let (given, woken) = (outbox.clone(), wake.clone());
    let change = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
        let input = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
        let list = input.and_then(|input| input.files());
        let files = (0..list.as_ref().map_or(0, web_sys::FileList::length))
            .filter_map(|i| list.as_ref()?.get(i))
            .collect();
        let (given, woken) = (given.clone(), woken.clone());
        spawn_local(async move {
            send(files, &given).await;
            woken();
        });
    });
    let cancel = Closure::<dyn FnMut()>::new(move || {
        let _ = outbox.try_send(None);
        wake();
    });
    input.set_onchange(Some(change.as_ref().unchecked_ref()));
    input
        .add_event_listener_with_callback("cancel", cancel.as_ref().unchecked_ref())
        .map_err(said)?;
    input.click();
    // The browser's collector has them, with the element that calls them.
    change.into_js_value();
    cancel.into_js_value();
    Ok(asking)
}

async fn send(files: Vec<web_sys::File>, outbox: &SyncSender<Option<Picked>>) {
    let mut picked = Vec::new();
    for file in files {
        let Ok(buffer) = JsFuture::from(file.array_buffer()).await else { continue };
        picked.push((file.name(), Uint8Array::new(&buffer).to_vec().into()));
    }
    let picked = (!picked.is_empty()).then_some(Picked::Files(picked));
    let _ = outbox.try_send(picked);
}

/// What was dropped on the window, once it is read.
pub(crate) fn dropped(
    files: &[egui::DroppedFileHandle],
    wake: impl Fn() + Send + 'static,
) -> Receiver<Option<Picked>> {
    let (outbox, dropped) = sync_channel(1);
    let files = files.to_vec();
    spawn_local(async move {
        let mut picked = Vec::new();
        for file in files {
            let name = file.path().to_string_lossy().into_owned();
            if let Ok(bytes) = file.bytes_async().await {
                picked.push((name, bytes.into()));
            }
        }
        let _ = outbox.send((!picked.is_empty()).then_some(Picked::Files(picked)));
        wake();
    });
    dropped
}

fn document() -> io::Result<Document> {
    let document = web_sys::window().and_then(|window| window.document());
    document.ok_or_else(|| io::ErrorKind::Unsupported.into())
}

/// What the browser says of an error.
#[allow(clippy::needless_pass_by_value, reason = "handed to `map_err`")]
fn said(error: JsValue) -> io::Error {
    io::Error::other(format!("{error:?}"))
}
