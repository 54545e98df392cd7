//! The engine for pages: a model that is loaded, and runs whose events are pulled.

use std::cell::RefCell;
use std::rc::Rc;

use bdlm::gpu::{DType, Gpu, GpuOptions};
use bdlm::hub::{self, DEFAULT_MODEL, Download, FileBytes, HubOptions, ModelFiles, gpt2_tokenizer};
use bdlm::model::{Formats, Habits, Spec};
use bdlm::sample;
use js_sys::{Function, JSON, Object, Uint8Array};
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

use crate::request::{GenerateRequest, LoadRequest};

/// What a failure of the library becomes: an `Error` with its words.
fn thrown(error: impl std::fmt::Display) -> JsValue {
    js_sys::Error::new(&error.to_string()).into()
}

/// Panics are faults of this program: their words belong on the console.
#[wasm_bindgen(start)]
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        web_sys::console::error_1(&panic.to_string().into());
    }));
}

/// A plain object of JavaScript as a type of ours; the default if it is absent.
fn plain<T: DeserializeOwned + Default>(object: &JsValue) -> Result<T, JsValue> {
    if object.is_undefined() || object.is_null() {
        return Ok(T::default());
    }
    let text = JSON::stringify(object)?.as_string().unwrap_or_default();
    serde_json::from_str(&text).map_err(thrown)
}

/// A model on the device.
#[wasm_bindgen(js_name = LoadedModel)]
pub struct Model {
    engine: sample::Engine,
}

/// Loads a model: `tales`, an id on the hub, or an object of names and bytes. `address` is where the
/// default model lies, with a slash at its end; `progress` takes words and a part, 0 to 1.
///
/// # Errors
/// Those of the library, as `Error`s.
#[wasm_bindgen(js_name = loadModel)]
pub async fn load_model(
    model: JsValue,
    address: String,
    options: JsValue,
    progress: Option<Function>,
) -> Result<Model, JsValue> {
    let request: LoadRequest = plain(&options)?;
    let tell = |what: &str, done: u64, all: u64| {
        if let Some(progress) = &progress {
            let part = (all > 0).then(|| done as f64 / all as f64);
            let _ = progress.call2(&JsValue::NULL, &what.into(), &part.into());
        }
    };
    let hub = HubOptions { endpoint: request.hub.clone(), ..HubOptions::default() };
    let mut downloading = |d: &Download| {
        tell(&format!("Downloading {}", d.file), d.done_bytes, d.total_bytes);
    };
    let files = files(&model, &address, &hub, &mut downloading).await?;
    let options = GpuOptions { kernels: request.kernels, ..GpuOptions::default() };
    let gpu = Gpu::request_async(&options).await.map_err(thrown)?;
    let own = Formats::of_config(&files.config).unwrap_or(Formats::from(DType::F16));
    let formats = request.weights.map_or(own, Formats::from);
    let mut loading = |done: usize, all: usize| {
        tell("Loading", done as u64, all as u64);
    };
    let engine = sample::Engine::load_async(&gpu, &files, formats, &mut loading);
    Ok(Model { engine: engine.await.map_err(thrown)? })
}

/// The models of the hub that the browser keeps, as plain objects with `id` and `sizeBytes`.
///
/// # Errors
/// None in practice: the objects are ours.
#[wasm_bindgen(js_name = keptModels)]
pub async fn kept_models() -> Result<JsValue, JsValue> {
    let object = |model: &hub::KeptModel| serde_json::json!({ "id": model.id, "sizeBytes": model.size_bytes });
    let models: Vec<_> = hub::kept_models().await.iter().map(object).collect();
    JSON::parse(&serde_json::Value::from(models).to_string())
}

/// Deletes what the browser keeps of a model.
#[wasm_bindgen(js_name = deleteModel)]
pub async fn delete_model(id: String) {
    hub::delete_model(&id).await;
}

async fn files(
    model: &JsValue,
    address: &str,
    hub: &HubOptions,
    progress: &mut dyn FnMut(&Download),
) -> Result<ModelFiles, JsValue> {
    let mut files = match model.as_string() {
        Some(name) if name == DEFAULT_MODEL => ModelFiles::fetch_default(address, progress).await,
        Some(id) => ModelFiles::fetch(&id, hub, progress).await,
        None => {
            let entries = Object::entries(model.unchecked_ref());
            let named = entries.iter().map(|entry| {
                let entry: js_sys::Array = entry.unchecked_into();
                let name = entry.get(0).as_string().unwrap_or_default();
                let bytes = FileBytes::new(&name, Uint8Array::new(&entry.get(1)).to_vec());
                (name, bytes)
            });
            ModelFiles::from_files("your files", named.collect())
        }
    }
    .map_err(thrown)?;
    let spec = Spec::of_files(&files, Habits::default()).map_err(thrown)?;
    if files.tokenizer.is_none() && spec.needs_tokenizer() {
        files.tokenizer = Some(gpt2_tokenizer(hub, progress).await.map_err(thrown)?);
    }
    Ok(files)
}

#[wasm_bindgen(js_class = LoadedModel)]
impl Model {
    /// What it is, as a plain object.
    ///
    /// # Errors
    /// None in practice: the object is ours.
    pub fn about(&self) -> Result<JsValue, JsValue> {
        let spec = self.engine.network().spec();
        let gpu = self.engine.network().gpu();
        let about = serde_json::json!({
            "family": spec.family(),
            "blockSize": spec.block_size(),
            "window": spec.window,
            "isSoftware": gpu.is_software(),
            "kernels": gpu.kernels(),
        });
        JSON::parse(&about.to_string())
    }

    /// Begins to generate.
    ///
    /// # Errors
    /// Those of the library, as `Error`s.
    pub fn begin(&self, request: &JsValue) -> Result<Run, JsValue> {
        let request: GenerateRequest = plain(request)?;
        let request = request.of_model(self.engine.network().spec()).map_err(thrown)?;
        let run = self.engine.run(request).map_err(thrown)?;
        Ok(Run { run: Rc::new(RefCell::new(Some(run))) })
    }
}

/// A run whose events are pulled.
#[wasm_bindgen(js_name = PulledRun)]
pub struct Run {
    /// Taken while an event is being computed, and when it has ended.
    run: Rc<RefCell<Option<sample::Run>>>,
}

#[wasm_bindgen(js_class = PulledRun)]
impl Run {
    /// The next event, as the command line writes it; undefined at the end. Not to be called before the
    /// event before is there.
    ///
    /// # Errors
    /// Those of the library, as `Error`s.
    pub async fn next(&self) -> Result<JsValue, JsValue> {
        let taken = self.run.borrow_mut().take();
        let Some(mut run) = taken else { return Ok(JsValue::UNDEFINED) };
        match run.next_async().await.map_err(thrown)? {
            Some(event) => {
                *self.run.borrow_mut() = Some(run);
                JSON::parse(&serde_json::to_string(&event).map_err(thrown)?)
            }
            None => Ok(JsValue::UNDEFINED),
        }
    }
}
