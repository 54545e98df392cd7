//! Training: what is ordered, and the library's run that does it, on a device of its own.

use std::ops::ControlFlow;
use std::path::PathBuf;

use bdlm::gpu::GpuOptions;
use bdlm::hub::{HubOptions, ModelFiles};
use bdlm::measure::{Trusted, trusted};
use bdlm::model::Objective;
use bdlm::train::{
    Beginning, BlockSizes, Decay, Earlier, Length, Log, NewNetwork, Preparing, RunSetup,
    SampleOptions, TrainEvent, TrainOptions, TrainRun,
};
use bdlm::{Error, Result};

/// What to train, and on what.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOrder {
    /// Files and folders of texts to train on.
    pub data: Vec<PathBuf>,
    /// Those to evaluate on.
    pub valid: Vec<PathBuf>,
    /// The model to begin with; a new network if absent.
    pub from: Option<String>,
    /// Layers of a new network.
    pub layers: usize,
    /// Its channels.
    pub channels: usize,
    /// Its heads.
    pub heads: usize,
    /// Its vocabulary, learnt from the texts.
    pub vocabulary: usize,
    /// Tokens of a sequence; a model's own window if absent.
    pub window: Option<usize>,
    /// Tokens of a block; a model's own if absent.
    pub block_sizes: Option<BlockSizes>,
    /// When it ends.
    pub length: Length,
    /// Sequences of a step.
    pub batch: usize,
    /// The highest learning rate.
    pub rate: f64,
    /// Seed of the run.
    pub seed: u64,
    /// Steps from one validation, sample and save to the next.
    pub check_every: usize,
    /// Beginning of the samples.
    pub prompt: String,
    /// The folder of the run.
    pub out: PathBuf,
    /// Go on with the run in the folder, if there is one.
    pub resumes: bool,
    /// Part of an adapter's name; the best one if absent.
    pub adapter: Option<String>,
    /// Where compiled kernels are kept.
    pub cache: Option<PathBuf>,
}

/// A stream of events that is pulled.
pub trait TrainStream {
    /// The next event; none at the end.
    ///
    /// # Errors
    /// As [`TrainRun::next`].
    fn next(&mut self) -> Result<Option<TrainEvent>>;

    /// Ends the run before its end, and saves it.
    ///
    /// # Errors
    /// As [`TrainRun::stop`].
    fn stop(self: Box<Self>) -> Result<Vec<TrainEvent>>;
}

/// A run that keeps its log in its folder, as that of the command line.
struct Logged {
    run: TrainRun,
    log: Log,
}

impl TrainStream for Logged {
    fn next(&mut self) -> Result<Option<TrainEvent>> {
        let event = self.run.next()?;
        event.iter().try_for_each(|event| self.log.push(event))?;
        Ok(event)
    }

    fn stop(self: Box<Self>) -> Result<Vec<TrainEvent>> {
        let Logged { run, mut log } = *self;
        let events = run.stop()?;
        events.iter().try_for_each(|event| log.push(event))?;
        Ok(events)
    }
}

/// Is told in words what is done before the first step, which ends if it breaks.
pub type Prepare<'a> = &'a mut (dyn FnMut(String) -> ControlFlow<()> + Send);

/// Begins a run of an order; none if it was stopped before its first step.
pub type Begin =
    Box<dyn Fn(TrainOrder, Prepare<'_>) -> Result<Option<Box<dyn TrainStream>>> + Send + Sync>;

/// Length of a sample, in tokens.
const SAMPLE_TOKENS: usize = 64;
/// Sequences of a validation.
const VALID_SEQUENCES: usize = 16;
/// Steps over which the learning rate rises: short runs have few.
const WARMUP: usize = 50;
/// Decay of the weights' moving average, for the same reason.
const AVERAGE_DECAY: f64 = 0.999;

impl TrainOrder {
    fn options(&self) -> TrainOptions {
        let mut options = TrainOptions {
            length: self.length,
            batch: self.batch,
            seed: self.seed,
            ..TrainOptions::default()
        };
        options.rate.peak = self.rate;
        options.rate.decay = Decay::Linear;
        options.rate.decay_from = 0.5;
        // None of these depends on the steps: a run can go on for more of them.
        options.rate.warmup_steps = WARMUP;
        options.optimiser.average_decay = AVERAGE_DECAY;
        options.checks.every_steps = Some(self.check_every);
        options.checks.sequences = VALID_SEQUENCES;
        let (prompt, length) = (self.prompt.clone(), SAMPLE_TOKENS);
        options.checks.sample = Some(SampleOptions { prompt, length });
        options
    }

    fn beginning(&self, progress: Prepare<'_>) -> Result<Beginning> {
        if let Some(name) = &self.from {
            // The hub's client cannot be stopped here: the next report will end it.
            let _ = progress(format!("Reading {name}"));
            let options = HubOptions::from_vars(|name| std::env::var_os(name));
            let files = ModelFiles::find(name, &options, &mut |d| {
                let _ = progress(format!("Downloading {}", d.file));
            })?;
            return Ok(Beginning::Model(Box::new(files)));
        }
        let size = self.block_sizes.as_ref().map_or(8, BlockSizes::main);
        let network = NewNetwork {
            objective: Objective::Block { size },
            layers: self.layers,
            channels: self.channels,
            heads: self.heads,
            window: self.window.unwrap_or(256),
            // Those of the vocabulary.
            n_ids: 0,
            end: 0,
            dropout: 0.0,
        };
        Ok(Beginning::New { network, vocabulary: self.vocabulary })
    }

    /// Begins the run with the library; none if it was stopped before its first step.
    ///
    /// # Errors
    /// Those of [`RunSetup::begin`] and [`trusted`].
    pub fn begin(self, progress: Prepare<'_>) -> Result<Option<Box<dyn TrainStream>>> {
        if self.heads == 0 || !self.channels.is_multiple_of(self.heads) && self.from.is_none() {
            let (channels, heads) = (self.channels, self.heads);
            let words = format!("{channels} channels cannot be split evenly into {heads} heads");
            return Err(Error::request(words));
        }
        let (adapter, cache) = (self.adapter.clone(), self.cache.clone());
        let options = GpuOptions { adapter, cache, ..GpuOptions::default() };
        let Trusted { gpu, .. } = pollster::block_on(trusted(&options))?;
        let setup = RunSetup {
            begin: self.beginning(progress)?,
            options: self.options(),
            folder: self.out.clone(),
            earlier: if self.resumes { Earlier::Resume } else { Earlier::Refuse },
            train: self.data,
            valid: self.valid,
            cut: bdlm::train::Cut::default(),
            window: self.window,
            tokenizer: None,
            block_sizes: self.block_sizes,
            save_every: self.check_every,
        };
        let Some(run) = setup.begin(&gpu, &mut |at| progress(words(at)))? else { return Ok(None) };
        let log = Log::open(&self.out, run.trainer().progress().step)?;
        Ok(Some(Box::new(Logged { run, log })))
    }
}

fn words(at: Preparing) -> String {
    match at {
        Preparing::Vocabulary(count) => format!("Learning a vocabulary of {count} tokens"),
        Preparing::Train(count) => format!("Reading the texts: {count} tokens"),
        Preparing::Valid(count) => format!("Reading the held-out texts: {count} tokens"),
        Preparing::Sequences { .. } => "Compiling GPU kernels".into(),
    }
}
