//! A network and its tokenizer, ready to generate.

use std::sync::Arc;

use crate::gpu::Gpu;
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::hub::ModelFiles;
use crate::model::{Checkpoint, Formats, Habits, Lora, Network, Spec};
use crate::sample::run::capacity::Capacity;
use crate::sample::run::given_noise::GivenNoise;
use crate::sample::run::kept::Kept;
use crate::sample::run::request::{Prompt, Request};
use crate::sample::run::stream::Run;
use crate::sample::run::task::Task;
use crate::sample::steps::Ends;
use crate::text::{ChatTemplate, Tokenizer};
use crate::{Advice, Error, Fault, Result};

/// How a model is loaded.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// How matrices are held on the device.
    pub formats: Formats,
    /// What the caller says of the model, before anything that its files say.
    pub habits: Habits,
    /// Adapters to merge into the matrices, one after the other.
    pub loras: Vec<Lora>,
}

impl<T: Into<Formats>> From<T> for LoadOptions {
    fn from(formats: T) -> LoadOptions {
        LoadOptions { formats: formats.into(), habits: Habits::default(), loras: Vec::new() }
    }
}

/// A loaded model. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Engine {
    network: Arc<Network>,
    tokenizer: Option<Arc<Tokenizer>>,
    /// How chats become prompts; a broken template matters to chats alone.
    template: Result<Option<Arc<ChatTemplate>>, Fault>,
}

impl Engine {
    /// An engine of a network that is loaded already.
    pub fn new(network: Network, tokenizer: Option<Tokenizer>) -> Engine {
        let tokenizer = tokenizer.map(Arc::new);
        Engine { network: Arc::new(network), tokenizer, template: Ok(None) }
    }

    /// The engine with a chat template, or what is wrong with it.
    #[must_use]
    pub fn with_template(self, template: Result<Option<ChatTemplate>>) -> Engine {
        let template = match template {
            Ok(template) => Ok(template.map(Arc::new)),
            Err(Error::Chat(fault)) => Err(fault),
            Err(other) => Err(other.to_string().into()),
        };
        Engine { template, ..self }
    }

    /// The model's chat template, if it has one.
    ///
    /// # Errors
    /// [`Error::Chat`] if it could not be read.
    pub fn chat_template(&self) -> Result<Option<Arc<ChatTemplate>>> {
        self.template.clone().map_err(Error::Chat)
    }

    /// Loads a model; `progress` is called with the parts done and the number of all parts.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::Checkpoint`], [`Error::Tensors`], [`Error::Tokenizer`],
    /// [`Error::OutOfMemory`].
    pub async fn load_async(
        gpu: &Gpu,
        files: &ModelFiles,
        options: impl Into<LoadOptions>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Engine> {
        let LoadOptions { formats, habits, loras } = options.into();
        let spec = Spec::of_files(files, habits)?;
        let tokenizer = match &files.tokenizer {
            Some(file) => Some(Tokenizer::from_bytes(file, file.path())?),
            None => None,
        };
        let shards: Vec<_> = files.weights.iter().map(|file| (file.path(), &**file)).collect();
        let checkpoint = Checkpoint::new(&spec, &shards)?.adapted(loras)?;
        let network = Network::load_async(gpu, &checkpoint, formats, progress).await?;
        let template = ChatTemplate::of_model(
            files.chat_template.as_ref().map(|file| (file.path(), &**file)),
            files.tokenizer_config.as_ref().map(|file| (file.path(), &**file)),
        );
        Ok(Engine::new(network, tokenizer).with_template(template))
    }

    /// As [`Engine::load_async`], for programs that may block.
    ///
    /// # Errors
    /// As [`Engine::load_async`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn load(
        gpu: &Gpu,
        files: &ModelFiles,
        options: impl Into<LoadOptions>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Engine> {
        block_on(Engine::load_async(gpu, files, options, progress))
    }

    /// The network.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// The tokenizer, if there is one.
    pub fn tokenizer(&self) -> Option<&Arc<Tokenizer>> {
        self.tokenizer.as_ref()
    }

    /// Begins to generate.
    ///
    /// # Errors
    /// [`Error::Request`] if the request cannot be met, [`Error::Tokenizer`],
    /// [`Error::TooLarge`], [`Error::OutOfMemory`].
    pub fn run(&self, request: Request) -> Result<Run> {
        self.run_on(request, None)
    }

    /// As [`Engine::run`], with what an earlier run kept: blocks with which both sequences begin are
    /// not run again. What does not fit the request is dropped.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn run_on(&self, request: Request, kept: Option<Kept>) -> Result<Run> {
        let (task, capacity) = self.prepare(request, None)?;
        match kept.filter(|kept| kept.fits(&self.network, &capacity)) {
            Some(kept) => Ok(Run::on(kept, capacity, task)),
            None => Run::new(self.network.clone(), capacity, task),
        }
    }

    /// As [`Engine::run`], of one sample whose noise is given, where cells are distributions over the
    /// vocabulary: for comparing with other implementations.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub fn run_given(&self, request: Request, noise: GivenNoise) -> Result<Run> {
        let (task, capacity) = self.prepare(request, Some(noise))?;
        Run::new(self.network.clone(), capacity, task)
    }

    fn prepare(&self, request: Request, noise: Option<GivenNoise>) -> Result<(Task, Capacity)> {
        let spec = self.network.spec();
        let (prompt, n_opening) = self.prompt_ids(&request.prompt)?;
        self.check_tokens(&prompt)?;
        let request = request.resolve(spec, prompt.len());
        request.check(spec, &prompt)?;
        let drawn_ids = self.tokenizer.as_ref().map_or(usize::MAX, |t| t.id_bound().max(1));
        let drawn_ids = drawn_ids.min(spec.vocab_size);
        let capacity = Capacity { drawn_ids, ..Capacity::new(&request, spec) };
        let capacity = capacity.with_prompt(prompt.len()).with_noise(noise.is_some());
        noise
            .iter()
            .try_for_each(|noise| noise.check(&request, (&capacity, prompt.len()), spec))?;
        let geometry = capacity.geometry.with_prompt(spec.grid, prompt.len(), request.length);
        let task = Task {
            prompt,
            n_opening,
            geometry,
            n_drawable: drawn_ids - usize::from((spec.masked_id() as usize) < drawn_ids),
            spec: spec.clone(),
            eos: self.eos(),
            stop_ids: request.stop_ids.clone().unwrap_or_else(|| spec.stop_ids.clone()),
            ends: request.sampling.sampler.rule().map_or(Ends::default(), |rule| rule.ends),
            noise,
            tokenizer: self.tokenizer.clone(),
            request,
        };
        Ok((task, Capacity { geometry, ..capacity }))
    }

    /// Fails for a token that the tokenizer has and the network has not.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn check_tokens(&self, ids: &[u32]) -> Result<()> {
        let vocab_size = self.network.spec().vocab_size;
        let Some(tokenizer) = &self.tokenizer else { return Ok(()) };
        let found = ids.iter().find(|id| **id as usize >= vocab_size && tokenizer.has_token(**id));
        found.map_or(Ok(()), |&id| {
            let token = tokenizer.token(id).unwrap_or_default();
            Err(Error::tokenizer(format!(
                "its token {id}, `{token}`, is not of the model's vocabulary, 0 to {}: it belongs to \
                 another model",
                vocab_size - 1
            )))
        })
    }

    /// How many ids of the network's vocabulary have no token: they are never drawn. The mask token
    /// apart, which needs none. None without a tokenizer.
    pub fn n_tokenless(&self) -> Option<usize> {
        let spec = self.network.spec();
        Some(self.tokenizer.as_ref()?.n_tokenless(spec.vocab_size, spec.mask_id))
    }

    /// The token that ends a text: the config's, the tokenizer's, or BOS.
    pub fn eos(&self) -> Option<u32> {
        let tokenizer = self.tokenizer.as_ref().and_then(|t| t.end_of_text());
        self.network.spec().eos_token_id.or(tokenizer).or(self.network.spec().bos_token_id)
    }

    /// What every sequence begins with and the prompt's tokens; and how many come before those.
    fn prompt_ids(&self, prompt: &Prompt) -> Result<(Vec<u32>, usize)> {
        if let Prompt::Exact(ids) = prompt {
            return Ok((ids.clone(), 0));
        }
        let mut ids = self.opening()?;
        let mut n_opening = ids.len();
        match (prompt, &self.tokenizer) {
            (Prompt::Ids(tokens) | Prompt::Exact(tokens), _) => ids.extend(tokens),
            (Prompt::Text(text), Some(tokenizer)) => ids.extend(tokenizer.ids_from_text(text)?),
            (Prompt::Text(text), None) if text.is_empty() => {}
            (Prompt::Text(_), None) => {
                let fault =
                    Fault::from("this checkpoint has no tokenizer.json: it cannot read a prompt");
                return Err(Error::Tokenizer(fault.advise(Advice::NameTokenizer)));
            }
        }
        // A text of nothing has no row that predicts its first token.
        if ids.is_empty() {
            ids.push(self.bos()?);
            n_opening = 1;
        }
        Ok((ids, n_opening))
    }

    /// BOS, or what the tokenizer puts before a text, for models that do not always begin with BOS.
    fn opening(&self) -> Result<Vec<u32>> {
        match (self.network.spec().always_bos, &self.tokenizer) {
            (true, _) => Ok(vec![self.bos()?]),
            (false, Some(tokenizer)) => tokenizer.opening(),
            (false, None) => Ok(Vec::new()),
        }
    }

    fn bos(&self) -> Result<u32> {
        let spec = self.network.spec();
        let tokenizer = self.tokenizer.as_ref().and_then(|t| t.boundaries());
        let known = spec.bos_token_id.or(tokenizer.map(|(begin, _)| begin)).or(spec.eos_token_id);
        known.ok_or_else(|| {
            let words = match self.tokenizer {
                Some(_) => {
                    "there is no bos_token_id to begin a text with, and the tokenizer has neither \
                     <|endoftext|> nor [CLS]"
                }
                None => "there is no bos_token_id to begin a text with, and no tokenizer",
            };
            Error::Config(Fault::from(words).advise(Advice::NameTokenizer))
        })
    }
}
