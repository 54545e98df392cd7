//! The library's engine on a device of its own.

use std::path::PathBuf;

use bdlm::clock::Stopwatch;
use bdlm::event::Event;
use bdlm::gpu::{DType, Gpu, GpuOptions, KernelFamily};
use bdlm::hub::{Download, HubOptions, ModelFiles, gpt2_tokenizer};
use bdlm::measure::{Trusted, Verdict, trusted};
use bdlm::model::{Formats, Habits, Spec};
use bdlm::sample::worker::Stream;
use bdlm::sample::{Engine, MemoryPlan, Request};
use bdlm::{Error, Result};

use crate::engine::backend::{Backend, Found, Loaded, Progress, Source};
use crate::engine::chat::{Ask, ChatModel, Chats};
use crate::engine::choices::Choices;
use crate::engine::training::{Begin, TrainOrder};

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
}

impl EngineBackend {
    /// An engine that keeps compiled kernels in the user's cache folder, and uses the kernels that
    /// `bdlm tune` chose there.
    pub fn with_user_cache() -> EngineBackend {
        let cache = GpuOptions::cache_folder(std::env::var_os("BDLM_CACHE"));
        EngineBackend { cache, ..EngineBackend::default() }
    }

    /// The device; a new one if another adapter is wanted, or this one was lost. Its kernels are checked at
    /// the first use.
    fn device(&mut self, adapter: Option<&String>) -> Result<&Device> {
        let is_it =
            |device: &Device| device.asked.as_ref() == adapter && device.gpu.check().is_ok();
        let device = match self.device.take().filter(is_it) {
            Some(device) => device,
            None => Device::request(adapter.cloned(), self.cache.clone())?,
        };
        Ok(self.device.insert(device))
    }
}

impl Device {
    fn request(asked: Option<String>, cache: Option<PathBuf>) -> Result<Device> {
        let options = GpuOptions { adapter: asked.clone(), cache, ..GpuOptions::default() };
        let Trusted { gpu, mistrusted } = pollster::block_on(trusted(&options))?;
        let mistrusted = mistrusted.map(|verdict| sentence(&verdict));
        Ok(Device { asked, gpu, mistrusted })
    }
}

/// What a check has found wrong.
fn sentence(verdict: &Verdict) -> String {
    let (kernels, wrong) = (verdict.kernels, verdict.wrong.join(", "));
    format!(
        "The {kernels} kernels compute wrong results here ({wrong}): plain ones are used, which are slower."
    )
}

/// As a checkpoint in integers holds its weights, else in half precision.
fn formats(files: &ModelFiles) -> Formats {
    Formats::of_config(&files.config).unwrap_or(Formats::from(DType::F16))
}

fn weights(formats: Formats) -> String {
    match formats.layers == formats.tables {
        true => formats.layers.to_string(),
        false => format!("{}, embedding and head {}", formats.layers, formats.tables),
    }
}

fn files(source: &Source, progress: &mut dyn FnMut(Progress)) -> Result<ModelFiles> {
    let mut download = |d: &Download| {
        progress(Progress {
            what: format!("Downloading {}", d.file),
            part: Some(d.done_bytes as f32 / d.total_bytes.max(1) as f32),
        });
    };
    let options = HubOptions::from_vars(|name| std::env::var_os(name));
    let mut files = ModelFiles::find(&source.name, &options, &mut download)?;
    let spec = Spec::of_files(&files, Habits::default())?;
    if files.tokenizer.is_none() && spec.always_bos && spec.bos_token_id.is_none() {
        files.tokenizer = Some(gpt2_tokenizer(&options, &mut download)?);
    }
    Ok(files)
}

fn shape(spec: &Spec) -> String {
    let (layers, width) = (spec.n_layers, spec.channels);
    let tensors = spec.tensors();
    let parameters: usize = tensors.iter().map(|(_, s)| s.iter().product::<usize>()).sum();
    let millions = parameters as f64 / 1e6;
    format!("{}, {layers} layers of {width}, {millions:.1} M parameters", spec.family())
}

/// The family, the objective, and what is exact.
fn about(spec: &Spec) -> String {
    let objective = match (spec.is_diffusion(), spec.block_size(), spec.gives_scores()) {
        (false, ..) => {
            "An autoregressive model: trained to predict the next token. It writes token by token; \
             nothing is masked."
                .to_string()
        }
        (true, _, true) => {
            "A diffusion model trained by score entropy: it tells how much likelier each token is \
             than the mask. Its analytic sampler takes many small steps."
                .to_string()
        }
        (true, Some(size), _) => format!(
            "A block diffusion model: trained to guess the masked tokens of a block of {size}, given \
             all blocks before it."
        ),
        (true, None, _) => {
            "A masked diffusion model: trained to guess masked tokens anywhere in its window; it has \
             no blocks."
                .to_string()
        }
    };
    let exact = match spec.is_diffusion() && !spec.gives_scores() {
        true => {
            " Samplers that open one cell at a step, at random, draw exactly from its distribution; \
             the others are faster and change it."
        }
        false => " Its own sampler is the only one.",
    };
    objective + exact
}

impl Backend for EngineBackend {
    fn find(
        &mut self,
        source: &Source,
        request: &Request,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Found> {
        let files = files(source, progress)?;
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

    fn load(&mut self, source: &Source, progress: &mut dyn FnMut(Progress)) -> Result<Loaded> {
        let files = files(source, progress)?;
        progress(Progress { what: "Starting the device".into(), part: None });
        let Device { gpu, mistrusted, .. } = self.device(source.adapter.as_ref())?;
        let (gpu, mistrusted) = (gpu.clone(), mistrusted.clone());
        let (what, formats) = (format!("Loading {}", source.name), formats(&files));
        let engine = Engine::load(&gpu, &files, formats, &mut |done, all| {
            let part = Some(done as f32 / all.max(1) as f32);
            progress(Progress { what: what.clone(), part });
        })?;
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

    fn begin(&mut self, request: Request) -> Result<Box<dyn Stream>> {
        let engine = self.engine.as_ref().ok_or_else(no_model)?;
        Ok(Box::new(engine.run(request)?))
    }

    fn warm(&mut self, request: Request, go_on: &dyn Fn() -> bool) {
        let Some(Ok(mut run)) = self.engine.as_ref().map(|engine| engine.run(request)) else {
            return;
        };
        let begun = Stopwatch::start();
        let mut blocks = 0;
        while go_on() && blocks < WARM_BLOCKS && begun.secs() < WARM_SECS {
            match run.next() {
                Ok(Some(event)) => blocks += usize::from(matches!(event, Event::Block(_))),
                Ok(None) | Err(_) => return,
            }
        }
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

    fn adapters(&self) -> Vec<String> {
        let name = |adapter: &bdlm::wgpu::Adapter| adapter.get_info().name;
        let mut names: Vec<String> = Gpu::adapters().iter().map(name).collect();
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
