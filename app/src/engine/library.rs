//! The library's engine on a device of its own.

use std::path::PathBuf;

use bdlm::clock::Stopwatch;
use bdlm::event::Event;
use bdlm::gpu::{DType, Gpu, GpuOptions, KernelFamily};
use bdlm::hub::{HubOptions, ModelFiles};
use bdlm::measure::{Trusted, trusted};
use bdlm::model::{Formats, Habits, Spec};
use bdlm::sample::worker::{LocalFuture, Stream};
use bdlm::sample::{Engine, MemoryPlan, Request};
use bdlm::{Error, Result};

use crate::engine::backend::{Backend, Found, Loaded, Progress, Source};
use crate::engine::chat::{Ask, ChatModel, Chats};
use crate::engine::choices::Choices;
use crate::engine::describe::{about, sentence, shape, weights};
use crate::engine::files::Places;
use crate::engine::train::{Begin, TrainOrder};

/// Blocks of a run that is thrown away: the second one is begun in another way than the first.
const WARM_BLOCKS: usize = 2;
/// The longest time for it, but for a step that has begun.
const WARM_SECS: f64 = 1.0;

/// A device.
struct Device {
    /// What was asked for: part of an adapter's name, or the best one.
    asked: Option<String>,
    gpu: Gpu,
    /// Why it has plain kernels, in a sentence.
    mistrusted: Option<String>,
}

/// The library's engine on a device of its own.
#[derive(Default)]
pub struct EngineBackend {
    engine: Option<Engine>,
    chats: Chats,
    device: Option<Device>,
    cache: Option<PathBuf>,
    places: Places,
}

impl EngineBackend {
    /// An engine that keeps compiled kernels in the user's cache folder, and uses the kernels that
    /// `bdlm tune` chose there.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn with_user_cache() -> EngineBackend {
        let cache = GpuOptions::cache_folder(std::env::var_os("BDLM_CACHE"));
        let hub = HubOptions::from_vars(|name| std::env::var_os(name));
        EngineBackend { cache, places: Places::of_hub(hub), ..EngineBackend::default() }
    }

    /// An engine that asks this hub, and keeps no compiled kernels.
    pub fn with_hub(hub: HubOptions) -> EngineBackend {
        EngineBackend { places: Places::of_hub(hub), ..EngineBackend::default() }
    }

    /// As [`EngineBackend::with_hub`], for a page beside which the default model lies, at an address that
    /// ends with a slash.
    #[cfg(target_arch = "wasm32")]
    pub fn of_page(hub: HubOptions, beside: String) -> EngineBackend {
        EngineBackend { places: Places { hub, beside }, ..EngineBackend::default() }
    }

    /// The device; a new one if another adapter is wanted, or this one was lost. Its kernels are checked at
    /// the first use.
    async fn device(&mut self, adapter: Option<&String>) -> Result<&Device> {
        let is_it =
            |device: &Device| device.asked.as_ref() == adapter && device.gpu.check().is_ok();
        let device = match self.device.take().filter(is_it) {
            Some(device) => device,
            None => Device::request(adapter.cloned(), self.cache.clone()).await?,
        };
        Ok(self.device.insert(device))
    }

    async fn found(
        &self,
        source: &Source,
        request: &Request,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Found> {
        let files = self.places.files(source, progress).await?;
        let spec = Spec::of_files(&files, Habits::default())?;
        let kernels = match &self.device {
            Some(Device { gpu, .. }) => gpu.kernels(),
            None => KernelFamily::Workgroup,
        };
        // The plan needs only the request's size, which must suit any model.
        let request = Request {
            block_size: None,
            length: request.length.min(spec.window.max(2)),
            ..request.clone()
        };
        let formats = formats(&files);
        let memory = MemoryPlan::new(&spec, formats, kernels, &request);
        let (name, shape, weights) = (source.name.clone(), shape(&spec), weights(formats));
        Ok(Found { name, shape, weights, memory })
    }

    async fn loaded(
        &mut self,
        source: &Source,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Loaded> {
        let files = self.places.files(source, progress).await?;
        progress(Progress { what: "Starting the device".into(), part: None });
        let Device { gpu, mistrusted, .. } = self.device(source.adapter.as_ref()).await?;
        let (gpu, mistrusted) = (gpu.clone(), mistrusted.clone());
        let (what, formats) = (format!("Loading {}", source.name), formats(&files));
        let mut loading = |done: usize, all: usize| {
            let part = Some(done as f32 / all.max(1) as f32);
            progress(Progress { what: what.clone(), part });
        };
        let engine = Engine::load_async(&gpu, &files, formats, &mut loading).await?;
        let spec = engine.network().spec();
        let is_diffusion = spec.is_diffusion();
        let has_samplers = is_diffusion && !spec.gives_scores();
        let loaded = Loaded {
            name: source.name.clone(),
            shape: shape(spec),
            about: about(spec),
            block_size: spec.block_size(),
            window: spec.window,
            adapter: gpu.info().name.clone(),
            is_software: gpu.is_software(),
            mistrusted,
            weights: weights(formats),
            choices: Choices::of_model(spec),
            is_steerable: is_diffusion,
            has_samplers,
            chat: ChatModel::of(&engine),
        };
        (self.engine, self.chats) = (Some(engine), Chats::default());
        Ok(loaded)
    }

    async fn warmed(&self, request: Request, go_on: &dyn Fn() -> bool) {
        let Some(Ok(mut run)) = self.engine.as_ref().map(|engine| engine.run(request)) else {
            return;
        };
        let begun = Stopwatch::start();
        let mut blocks = 0;
        while go_on() && blocks < WARM_BLOCKS && begun.secs() < WARM_SECS {
            match run.next_async().await {
                Ok(Some(event)) => blocks += usize::from(matches!(event, Event::Block(_))),
                Ok(None) | Err(_) => return,
            }
        }
    }
}

impl Device {
    async fn request(asked: Option<String>, cache: Option<PathBuf>) -> Result<Device> {
        let options = GpuOptions { adapter: asked.clone(), cache, ..GpuOptions::default() };
        let Trusted { gpu, mistrusted } = trusted(&options).await?;
        let mistrusted = mistrusted.map(|verdict| sentence(&verdict));
        Ok(Device { asked, gpu, mistrusted })
    }
}

/// As a checkpoint in integers holds its weights, else in half precision.
fn formats(files: &ModelFiles) -> Formats {
    Formats::of_config(&files.config).unwrap_or(Formats::from(DType::F16))
}

impl Backend for EngineBackend {
    fn find<'a>(
        &'a mut self,
        source: &'a Source,
        request: &'a Request,
        progress: &'a mut dyn FnMut(Progress),
    ) -> LocalFuture<'a, Result<Found>> {
        Box::pin(self.found(source, request, progress))
    }

    fn load<'a>(
        &'a mut self,
        source: &'a Source,
        progress: &'a mut dyn FnMut(Progress),
    ) -> LocalFuture<'a, Result<Loaded>> {
        Box::pin(self.loaded(source, progress))
    }

    fn begin(&mut self, request: Request) -> Result<Box<dyn Stream>> {
        let engine = self.engine.as_ref().ok_or_else(no_model)?;
        Ok(Box::new(engine.run(request)?))
    }

    fn warm<'a>(
        &'a mut self,
        request: Request,
        go_on: &'a dyn Fn() -> bool,
    ) -> LocalFuture<'a, ()> {
        Box::pin(self.warmed(request, go_on))
    }

    fn answer(&mut self, ask: Ask) -> Result<Box<dyn Stream>> {
        let engine = self.engine.as_ref().ok_or_else(no_model)?;
        self.chats.answer(engine, &ask)
    }

    fn trainer(&mut self) -> Begin {
        let cache = self.cache.clone();
        Box::new(move |order, progress| {
            TrainOrder { cache: cache.clone(), ..order }.begin(progress)
        })
    }

    #[cfg(target_arch = "wasm32")]
    fn kept(&self) -> LocalFuture<'_, Vec<bdlm::hub::KeptModel>> {
        Box::pin(bdlm::hub::kept_models())
    }

    #[cfg(target_arch = "wasm32")]
    fn forget<'a>(&'a mut self, id: &'a str) -> LocalFuture<'a, ()> {
        Box::pin(bdlm::hub::delete_model(id))
    }

    fn adapters(&self) -> Vec<String> {
        // A page has the adapter that its browser gives it.
        #[cfg(target_arch = "wasm32")]
        let mut names = Vec::new();
        #[cfg(not(target_arch = "wasm32"))]
        let mut names: Vec<String> =
            Gpu::adapters().iter().map(|adapter| adapter.get_info().name).collect();
        names.dedup();
        names
    }

    fn token(&self, text: &str) -> Result<u32> {
        let tokenizer = self.engine.as_ref().ok_or_else(no_model)?.tokenizer();
        let Some(tokenizer) = tokenizer else {
            let number = text.trim().parse();
            return number.map_err(|_| {
                let cause =
                    format!("`{text}` is not a token number, and this model has no tokenizer");
                Error::request(cause)
            });
        };
        match tokenizer.ids_from_text(text)?[..] {
            [token] => Ok(token),
            ref ids => {
                let (word, count) = (text.trim(), ids.len());
                Err(Error::request(format!("\"{word}\" is {count} tokens; a cell holds one")))
            }
        }
    }
}

fn no_model() -> Error {
    Error::request("no model is loaded")
}
