//! What the engine's thread drives: the engine of the library, or what a test puts in its place.

use std::future::ready;
use std::sync::Arc;

use bdlm::Result;
use bdlm::hub::KeptModel;
use bdlm::sample::worker::{LocalFuture, Stream};
use bdlm::sample::{MemoryPlan, Request};

use crate::engine::chat::{Ask, ChatModel};
use crate::engine::choices::Choices;
use crate::engine::train::{Begin, TrainOrder};

/// A model and where to run it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// `tales`, a folder, or a hub id.
    pub name: String,
    /// Part of an adapter's name; the best one if absent.
    pub adapter: Option<String>,
    /// Its files by their names, if they were handed over as they are.
    pub files: Vec<(String, Arc<[u8]>)>,
}

impl Source {
    /// The name of a model whose files were handed over.
    pub const HANDED_OVER: &str = "your files";
}

/// How far a download or a load has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// What it is, in words.
    pub what: String,
    /// Part that is done, 0 to 1, if it is known.
    pub part: Option<f32>,
}

/// A model that was found but not loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Its family and shape, in words.
    pub shape: String,
    /// How its weights are held, in words.
    pub weights: String,
    /// The memory that it needs on the device.
    pub memory: MemoryPlan,
}

/// A model that is ready.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Its name.
    pub name: String,
    /// Its family and shape, in words.
    pub shape: String,
    /// What it was trained for, and whether its texts follow that: in sentences.
    pub about: String,
    /// Tokens of a block in training; none for models without blocks.
    pub block_size: Option<usize>,
    /// Positions that the network sees at once.
    pub window: usize,
    /// The adapter's name.
    pub adapter: String,
    /// True if the adapter is the CPU.
    pub is_software: bool,
    /// What is wrong with the kernels that suit the adapter, in a sentence; plain ones are used then.
    pub mistrusted: Option<String>,
    /// How its weights are held, in words.
    pub weights: String,
    /// How it was published to be sampled.
    pub choices: Choices,
    /// True if cells can be steered: they begin masked.
    pub is_steerable: bool,
    /// True if samplers can be chosen.
    pub has_samplers: bool,
    /// What its chats begin with, if it has a template.
    pub chat: Option<ChatModel>,
}

/// Something that loads models and begins runs.
pub trait Backend: Send + 'static {
    /// Finds a model's files.
    ///
    /// # Errors
    /// Those of the library.
    fn find<'a>(
        &'a mut self,
        source: &'a Source,
        request: &'a Request,
        progress: &'a mut dyn FnMut(Progress),
    ) -> LocalFuture<'a, Result<Found>>;

    /// Loads a model.
    ///
    /// # Errors
    /// Those of the library.
    fn load<'a>(
        &'a mut self,
        source: &'a Source,
        progress: &'a mut dyn FnMut(Progress),
    ) -> LocalFuture<'a, Result<Loaded>>;

    /// Begins a run.
    ///
    /// # Errors
    /// Those of the library.
    fn begin(&mut self, request: Request) -> Result<Box<dyn Stream>>;

    /// Does beforehand what the first steps of such a run would wait for, such as compiling kernels.
    /// What fails then fails again when the run is begun. Ends early if `go_on` is false.
    fn warm<'a>(
        &'a mut self,
        _request: Request,
        _go_on: &'a dyn Fn() -> bool,
    ) -> LocalFuture<'a, ()> {
        Box::pin(ready(()))
    }

    /// Begins to answer a conversation.
    ///
    /// # Errors
    /// Those of the library.
    fn answer(&mut self, ask: Ask) -> Result<Box<dyn Stream>>;

    /// What begins runs of training, on a thread of their own.
    fn trainer(&mut self) -> Begin {
        Box::new(TrainOrder::begin)
    }

    /// Models that a browser keeps for a page; none on a computer, where a folder of the hub's clients
    /// holds them.
    fn kept(&self) -> LocalFuture<'_, Vec<KeptModel>> {
        Box::pin(ready(Vec::new()))
    }

    /// Deletes what a browser keeps of a model.
    fn forget<'a>(&'a mut self, _id: &'a str) -> LocalFuture<'a, ()> {
        Box::pin(ready(()))
    }

    /// Names of the adapters.
    fn adapters(&self) -> Vec<String>;

    /// The token of a text.
    ///
    /// # Errors
    /// If the text is not exactly one token.
    fn token(&self, text: &str) -> Result<u32>;
}
