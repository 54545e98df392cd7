//! The library's engine on a device of its own.

use std::path::PathBuf;

use bdlm::gpu::{DType, Gpu, GpuOptions, KernelFamily};
use bdlm::hub::{Download, HubOptions, ModelFiles, gpt2_tokenizer};
use bdlm::model::{Habits, Spec};
use bdlm::sample::worker::Stream;
use bdlm::sample::{Engine, MemoryPlan, Request};
use bdlm::{Error, Result};

use crate::engine::backend::{Backend, Found, Loaded, Progress, Source};
use crate::engine::chat::{Ask, ChatModel, Chats};
use crate::engine::training::{Begin, TrainOrder};

/// The library's engine on a device of its own.
#[derive(Default)]
pub struct EngineBackend {
    engine: Option<Engine>,
    chats: Chats,
    device: Option<(Option<String>, Gpu)>,
    cache: Option<PathBuf>,
}

impl EngineBackend {
    /// An engine that keeps compiled kernels in the user's cache folder, and uses the kernels that
    /// `bdlm tune` chose there.
    pub fn with_user_cache() -> EngineBackend {
        let cache = GpuOptions::cache_folder(std::env::var_os("BDLM_CACHE"));
        EngineBackend { cache, ..EngineBackend::default() }
    }

    /// The device; a new one if another adapter is wanted, or this one was lost.
    fn device(&mut self, adapter: Option<&String>) -> Result<Gpu> {
        if let Some((name, gpu)) = &self.device
            && name.as_ref() == adapter
            && gpu.check().is_ok()
        {
            return Ok(gpu.clone());
        }
        let options = GpuOptions {
            adapter: adapter.cloned(),
            cache: self.cache.clone(),
            ..GpuOptions::default()
        };
        let gpu = Gpu::request(&options)?;
        self.device = Some((adapter.cloned(), gpu.clone()));
        Ok(gpu)
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
            Some((_, gpu)) => gpu.kernels(),
            None => KernelFamily::Workgroup,
        };
        // The plan needs only the request's size, which must suit any model.
        let request = Request {
            block_size: None,
            length: request.length.min(spec.window.max(2)),
            ..request.clone()
        };
        let memory = MemoryPlan::new(&spec, DType::F16, kernels, &request);
        Ok(Found { name: source.name.clone(), shape: shape(&spec), memory })
    }

    fn load(&mut self, source: &Source, progress: &mut dyn FnMut(Progress)) -> Result<Loaded> {
        let files = files(source, progress)?;
        let gpu = self.device(source.adapter.as_ref())?;
        let what = format!("Loading {}", source.name);
        let engine = Engine::load(&gpu, &files, DType::F16, &mut |done, all| {
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
