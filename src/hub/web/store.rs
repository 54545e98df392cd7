//! The browser's storage: one cache of the page's origin, in which files are known by their addresses.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Cache, CacheStorage, Request, Response};

use crate::hub::options::KeptModel;
use crate::hub::web::HUB;
use crate::hub::web::fetch::words;

/// Name of the cache.
const CACHE: &str = "bdlm-models";
/// What is between a model's id and a file's name in its address.
const BRANCH: &str = "/resolve/main/";

#[wasm_bindgen]
extern "C" {
    /// Of the page, or of its worker. Pages that are not secure have none.
    #[wasm_bindgen(thread_local_v2, js_name = caches)]
    static CACHES: Option<CacheStorage>;
}

/// The models that the browser keeps, by their ids.
pub async fn kept_models() -> Vec<KeptModel> {
    let mut models: Vec<KeptModel> = Vec::new();
    for (request, id) in requests().await {
        let size_bytes = match found(&request.url()).await {
            Some(response) => length(&response),
            None => 0,
        };
        match models.iter_mut().find(|model| model.id == id) {
            Some(model) => model.size_bytes += size_bytes,
            None => models.push(KeptModel { id, size_bytes }),
        }
    }
    models.sort_by(|a, b| a.id.cmp(&b.id));
    models
}

/// Deletes what the browser keeps of a model.
pub async fn delete_model(id: &str) {
    let Ok(cache) = open().await else { return };
    for (request, of) in requests().await {
        if of == id {
            let _ = JsFuture::from(cache.delete_with_str(&request.url())).await;
        }
    }
}

/// A file that is kept.
pub async fn read(address: &str) -> Option<Vec<u8>> {
    let buffer = JsFuture::from(found(address).await?.array_buffer().ok()?).await.ok()?;
    Some(Uint8Array::new(&buffer).to_vec())
}

/// Keeps a file.
///
/// # Errors
/// In words: no storage, or no room.
pub async fn write(address: &str, bytes: &[u8]) -> Result<(), String> {
    let cache = open().await?;
    // A view of the program's own memory would be taken for the whole of it.
    let copy = Uint8Array::from(bytes);
    let response = Response::new_with_opt_js_u8_array(Some(&copy)).map_err(words)?;
    response.headers().set("content-length", &bytes.len().to_string()).map_err(words)?;
    JsFuture::from(cache.put_with_str(address, &response)).await.map_err(words)?;
    Ok(())
}

async fn open() -> Result<Cache, String> {
    let caches = CACHES.with(Clone::clone).ok_or("this page has no storage")?;
    let cache = JsFuture::from(caches.open(CACHE)).await.map_err(words)?;
    cache.dyn_into().map_err(words)
}

async fn found(address: &str) -> Option<Response> {
    let cache = open().await.ok()?;
    JsFuture::from(cache.match_with_str(address)).await.ok()?.dyn_into().ok()
}

/// What is kept, with the ids of the models.
async fn requests() -> Vec<(Request, String)> {
    let Ok(cache) = open().await else { return Vec::new() };
    let Ok(keys) = JsFuture::from(cache.keys()).await else { return Vec::new() };
    let keys = Array::from(&keys);
    let requests = keys.iter().filter_map(|key| key.dyn_into::<Request>().ok());
    let named = |request: Request| {
        let url = request.url();
        let (before, _) = url.split_once(BRANCH)?;
        // Those of another hub with its address.
        let id = before.strip_prefix(HUB).map_or(before, |id| id.trim_start_matches('/'));
        let id = id.to_string();
        Some((request, id))
    };
    requests.filter_map(named).collect()
}

fn length(response: &Response) -> u64 {
    let length = response.headers().get("content-length").ok().flatten();
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}
