//! What the worker thread drives: the engine of the library, or what a test puts in its place.

use std::path::PathBuf;

use bdlm::event::Event;
use bdlm::gpu::{DType, Gpu, GpuOptions, KernelFamily};
use bdlm::hub::{Download, HubOptions, ModelFiles, gpt2_tokenizer};
use bdlm::model::{Objective, Spec};
use bdlm::sample::{Engine, MemoryPlan, Request, Run, Steer};
use bdlm::{Error, Result};

/// A model and where to run it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// `tales`, a folder, or a hub id.
    pub name: String,
    /// Part of an adapter's name; the best one if absent.
    pub adapter: Option<String>,
}

/// How far something long is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// What, for people.
    pub what: String,
    /// Part that is done, 0 to 1, if it is known.
    pub part: Option<f32>,
}

/// A model that was found but not loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Its family and shape, for people.
    pub shape: String,
    /// What it will take on the device.
    pub memory: MemoryPlan,
}

/// A model that is ready.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Its name.
    pub name: String,
    /// Its family and shape, for people.
    pub shape: String,
    /// Tokens of a block, as it was trained; none for models without blocks.
    pub block_size: Option<usize>,
    /// Positions that it sees at once.
    pub window: usize,
    /// The adapter's name.
    pub adapter: String,
    /// True if the adapter is the CPU.
    pub is_software: bool,
    /// True if cells can be steered: the model has masked ones.
    pub is_steerable: bool,
    /// True if samplers can be chosen.
    pub has_samplers: bool,
}

/// Something that loads models and begins runs.
pub trait Backend: Send + 'static {
    /// Finds a model's files.
    ///
    /// # Errors
    /// Those of the library.
    fn find(
        &mut self,
        source: &Source,
        request: &Request,
        tell: &mut dyn FnMut(Progress),
    ) -> Result<Found>;

    /// Loads a model.
    ///
    /// # Errors
    /// Those of the library.
    fn load(&mut self, source: &Source, tell: &mut dyn FnMut(Progress)) -> Result<Loaded>;

    /// Begins a run.
    ///
    /// # Errors
    /// Those of the library.
    fn begin(&mut self, request: Request) -> Result<Box<dyn Stream>>;

    /// Names of the adapters.
    fn adapters(&self) -> Vec<String>;

    /// The one token that a text is.
    ///
    /// # Errors
    /// If it is several, or none.
    fn token(&self, text: &str) -> Result<u32>;
}

/// A run.
pub trait Stream {
    /// The next event.
    ///
    /// # Errors
    /// Those of the library.
    fn next(&mut self) -> Result<Option<Event>>;

    /// Steers a cell of the current block.
    ///
    /// # Errors
    /// Those of the library.
    fn steer(&mut self, sample: usize, cell: usize, steer: Steer) -> Result<()>;
}

impl Stream for Run {
    fn next(&mut self) -> Result<Option<Event>> {
        Run::next(self)
    }

    fn steer(&mut self, sample: usize, cell: usize, steer: Steer) -> Result<()> {
        Run::steer(self, sample, cell, steer)
    }
}

/// The library's engine on a device of its own.
#[derive(Default)]
pub struct EngineBackend {
    engine: Option<Engine>,
    device: Option<(Option<String>, Gpu)>,
    cache: Option<PathBuf>,
}

impl EngineBackend {
    /// An engine that keeps what the driver compiled in the user's cache folder, and computes as
    /// `bdlm tune` chose there.
    pub fn with_user_cache() -> EngineBackend {
        let cache = GpuOptions::cache_folder(std::env::var_os("BDLM_CACHE"));
        EngineBackend { cache, ..EngineBackend::default() }
    }

    /// The device, requested anew if another adapter is wanted or this one is lost.
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

fn files(source: &Source, tell: &mut dyn FnMut(Progress)) -> Result<ModelFiles> {
    let mut download = |d: &Download| {
        tell(Progress {
            what: format!("Downloading {}", d.file),
            part: Some(d.done_bytes as f32 / d.total_bytes.max(1) as f32),
        });
    };
    let options = HubOptions::from_vars(|name| std::env::var_os(name));
    let mut files = ModelFiles::find(&source.name, &options, &mut download)?;
    let spec = Spec::from_json(&files.config)?;
    if files.tokenizer.is_none() && spec.bos_token_id.is_none() {
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

impl Backend for EngineBackend {
    fn find(
        &mut self,
        source: &Source,
        request: &Request,
        tell: &mut dyn FnMut(Progress),
    ) -> Result<Found> {
        let files = files(source, tell)?;
        let spec = Spec::from_json(&files.config)?;
        let kernels = match &self.device {
            Some((_, gpu)) => gpu.kernels(),
            None => KernelFamily::Workgroup,
        };
        // What the plan asks for must fit any model: only its size counts.
        let request = Request {
            block_size: None,
            length: request.length.min(spec.window.max(2)),
            ..request.clone()
        };
        let memory = MemoryPlan::new(&spec, DType::F16, kernels, &request);
        Ok(Found { name: source.name.clone(), shape: shape(&spec), memory })
    }

    fn load(&mut self, source: &Source, tell: &mut dyn FnMut(Progress)) -> Result<Loaded> {
        let files = files(source, tell)?;
        let gpu = self.device(source.adapter.as_ref())?;
        let what = format!("Loading {}", source.name);
        let engine = Engine::load(&gpu, &files, DType::F16, &mut |done, all| {
            let part = Some(done as f32 / all.max(1) as f32);
            tell(Progress { what: what.clone(), part });
        })?;
        let spec = engine.network().spec();
        let is_diffusion = spec.objective != Objective::Autoregressive;
        let has_blocks = spec.block_size().is_some();
        let has_samplers = has_blocks || spec.objective == Objective::Masked;
        let loaded = Loaded {
            name: source.name.clone(),
            shape: shape(spec),
            block_size: spec.block_size(),
            window: spec.window,
            adapter: gpu.info().name.clone(),
            is_software: gpu.is_software(),
            is_steerable: is_diffusion,
            has_samplers,
        };
        self.engine = Some(engine);
        Ok(loaded)
    }

    fn begin(&mut self, request: Request) -> Result<Box<dyn Stream>> {
        let engine = self.engine.as_ref().ok_or_else(no_model)?;
        Ok(Box::new(engine.run(request)?))
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
                Error::request(format!("`{text}` is no token number; this model has no tokenizer"))
            });
        };
        match tokenizer.ids_from_text(text)?[..] {
            [token] => Ok(token),
            ref ids => Err(Error::request(format!(
                "`{text}` is {} tokens, expected 1: try a shorter word, with a blank before it",
                ids.len()
            ))),
        }
    }
}

fn no_model() -> Error {
    Error::request("no model is loaded")
}
