//! A download of a page: its bytes as they come, ended when it is dropped.

use js_sys::{Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, ReadableStreamDefaultReader, Request, RequestInit, Response};

#[wasm_bindgen]
extern "C" {
    /// Of the page, or of its worker.
    #[wasm_bindgen(js_name = fetch)]
    fn js_fetch(request: &Request) -> Promise;
}

/// Ends a download.
struct Ended(AbortController);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The bytes at an address; none if nothing is there. `report` takes the bytes so far and all of them,
/// 0 if that is not known.
///
/// # Errors
/// In words.
pub async fn bytes(
    address: &str,
    report: &mut dyn FnMut(u64, u64),
) -> Result<Option<Vec<u8>>, String> {
    let controller = AbortController::new().map_err(words)?;
    let ended = Ended(controller);
    let init = RequestInit::new();
    init.set_signal(Some(&ended.0.signal()));
    let request = Request::new_with_str_and_init(address, &init).map_err(words)?;
    let response = JsFuture::from(js_fetch(&request)).await.map_err(words)?;
    let response: Response = response.dyn_into().map_err(words)?;
    match response.status() {
        404 => return Ok(None),
        401 | 403 => {
            return Err(format!(
                "the hub refuses it (status {}): it does not exist, or needs a token",
                response.status()
            ));
        }
        _ if !response.ok() => return Err(format!("the answer is {}", response.status())),
        _ => {}
    }
    let header = |name| response.headers().get(name).ok().flatten()?.parse::<u64>().ok();
    // What is compressed on its way has another length, and a page may not see that it is: only weights,
    // which never are, have a length that can be relied upon.
    let is_whole = address.ends_with(".safetensors");
    let total = header("content-length").filter(|_| is_whole).unwrap_or(0);
    let Some(body) = response.body() else { return Ok(Some(Vec::new())) };
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    let mut bytes = Vec::new();
    reserve(&mut bytes, total)?;
    loop {
        let chunk = JsFuture::from(reader.read()).await.map_err(words)?;
        let is_done = Reflect::get(&chunk, &"done".into()).map_err(words)?.is_truthy();
        if is_done {
            break;
        }
        let chunk: Uint8Array =
            Reflect::get(&chunk, &"value".into()).map_err(words)?.unchecked_into();
        let at = bytes.len();
        if bytes.capacity() < at + chunk.length() as usize {
            reserve(&mut bytes, (at as u64).max(u64::from(chunk.length())))?;
        }
        bytes.resize(at + chunk.length() as usize, 0);
        chunk.copy_to(&mut bytes[at..]);
        report(bytes.len() as u64, total);
    }
    if total > bytes.len() as u64 {
        return Err(format!("{} of {total} bytes came, then the connection ended", bytes.len()));
    }
    Ok(Some(bytes))
}

/// Makes room for more bytes.
fn reserve(bytes: &mut Vec<u8>, more: u64) -> Result<(), String> {
    let room = usize::try_from(more).ok().and_then(|more| bytes.try_reserve_exact(more).ok());
    room.ok_or_else(|| {
        let megabytes = (bytes.len() as u64 + more) / 1_000_000;
        format!("a page has no room for its {megabytes} MB")
    })
}

/// What JavaScript says of an error.
#[allow(clippy::needless_pass_by_value, reason = "handed to `map_err`")]
pub fn words(error: JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => String::from(error.message()),
        None => format!("{error:?}"),
    }
}
