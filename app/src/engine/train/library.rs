//! The library's run of training, on a device of its own.

use bdlm::gpu::GpuOptions;
use bdlm::hub::{HubOptions, ModelFiles};
use bdlm::measure::{Trusted, trusted};
use bdlm::model::Objective;
use bdlm::train::{
    Beginning, BlockSizes, Decay, Earlier, Log, NewNetwork, Preparing, RunSetup, SampleOptions,
    TrainEvent, TrainOptions, TrainRun,
};
use bdlm::{Error, Result};

use crate::engine::train::order::{Prepare, TrainOrder, TrainStream};

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
