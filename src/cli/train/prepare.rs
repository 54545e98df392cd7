//! From settings to a run.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bdlm::eval::FirstToken;
use bdlm::gpu::Gpu;
use bdlm::hub::ModelFiles;
use bdlm::model::Objective;
use bdlm::train::{
    Beginning, BlockSizes, Earlier, Interval, Length, MuonOptions, NewNetwork, Preparing, Rate,
    RunSetup, SampleOptions, TrainOptions, TrainRun,
};

use crate::cli::files::read;
use crate::cli::print::{DownloadBar, note, progress_bar};
use crate::cli::process::{Interrupted, go_on, hub_options};
use crate::cli::train::settings::{Kind, Settings};

/// The default tokens of a new tokenizer.
const VOCABULARY: usize = 4095;
/// The default tokens of a sequence.
const WINDOW: usize = 256;
/// The default tokens of a block.
const BLOCK_SIZE: usize = 8;
/// The default learning rate.
const RATE: f64 = 1e-3;
/// The default decay of Muon's momentum.
const MUON_MOMENTUM: f64 = 0.95;
/// The default steps from one save to the next.
const SAVE_EVERY: usize = 500;

/// Makes the run, or takes the one that is there.
pub fn run(settings: &Settings, gpu: &Gpu) -> Result<TrainRun> {
    let out = settings.out.as_deref().context("there is no folder for the run, expected --out")?;
    if settings.data.is_empty() {
        bail!("there is no data, expected --data");
    }
    let save_every = settings.save_every.unwrap_or(SAVE_EVERY);
    if save_every == 0 {
        bail!("--save-every is 0, expected at least 1");
    }
    let options = options(settings);
    options.length.check()?;
    let earlier = if settings.resume == Some(true) { Earlier::Resume } else { Earlier::Refuse };
    let setup = RunSetup {
        folder: out.into(),
        earlier,
        train: settings.data.clone(),
        valid: settings.valid.clone(),
        cut: settings.cut.unwrap_or_default(),
        window: settings.window,
        tokenizer: settings.tokenizer.as_deref().map(read).transpose()?,
        begin: begin(settings)?,
        block_sizes: settings.block_size.clone(),
        options,
        save_every,
    };
    let spinner = progress_bar("{spinner} {msg} {elapsed}");
    spinner.enable_steady_tick(Duration::from_millis(200));
    let run = setup.begin(gpu, &mut |at| {
        match words(at) {
            Some(words) => spinner.set_message(words),
            None => {
                spinner.finish_and_clear();
                say(at);
            }
        }
        go_on()
    });
    spinner.finish_and_clear();
    run?.ok_or_else(|| Interrupted.into())
}

/// What is being done, in words.
fn words(at: Preparing) -> Option<String> {
    Some(match at {
        Preparing::Vocabulary(count) => format!("learning a vocabulary of {count} tokens"),
        Preparing::Train(count) => format!("{count} tokens of --data"),
        Preparing::Valid(count) => format!("{count} tokens of --valid"),
        Preparing::Sequences { .. } => return None,
    })
}

fn say(at: Preparing) {
    let Preparing::Sequences { tokens, sequences, window, valid_is_train } = at else { return };
    if valid_is_train {
        note("note: --valid is the text of --data: its likelihood says nothing about other texts");
    }
    note(&format!("{tokens} tokens, {sequences} sequences of {window}"));
}

/// The network that the run begins with.
fn begin(settings: &Settings) -> Result<Beginning> {
    let Some(name) = settings.from.as_deref().filter(|name| *name != "random") else {
        let vocabulary = settings.vocabulary.unwrap_or(VOCABULARY);
        return Ok(Beginning::New { network: network(settings), vocabulary });
    };
    let new = [
        ("--layers", settings.layers.is_some()),
        ("--channels", settings.channels.is_some()),
        ("--heads", settings.heads.is_some()),
        ("--kind", settings.kind.is_some()),
        ("--vocabulary", settings.vocabulary.is_some()),
    ];
    if let Some((flag, _)) = new.iter().find(|(_, is_given)| *is_given) {
        bail!("{flag} is for new networks, and --from {name} is one already");
    }
    let mut bar = DownloadBar::default();
    let files = ModelFiles::find(name, &hub_options(), &mut |d| bar.update(d))?;
    Ok(Beginning::Model(Box::new(files)))
}

/// A new network, without its tokens.
fn network(settings: &Settings) -> NewNetwork {
    let size = settings.block_size.as_ref().map_or(BLOCK_SIZE, BlockSizes::main);
    let objective = match settings.kind.unwrap_or(Kind::Block) {
        Kind::Block => Objective::Block { size },
        Kind::Masked => Objective::Masked,
        Kind::Autoregressive => Objective::Autoregressive,
    };
    NewNetwork {
        objective,
        layers: settings.layers.unwrap_or(6),
        channels: settings.channels.unwrap_or(256),
        heads: settings.heads.unwrap_or(4),
        window: settings.window.unwrap_or(WINDOW),
        n_ids: 0,
        end: 0,
        dropout: settings.dropout.unwrap_or(0.0),
    }
}

/// What the run does; what is not set has the library's default, or one of those above.
fn options(settings: &Settings) -> TrainOptions {
    let s = settings;
    let length = Length { steps: s.steps, epochs: s.epochs, minutes: s.minutes };
    let mut options = TrainOptions { length, ..TrainOptions::default() };
    set(&mut options.batch, s.batch);
    set(&mut options.accumulate, s.accumulate);
    set(&mut options.loss, s.loss);
    if s.count_first == Some(true) {
        options.first = FirstToken::Counted;
    }
    let Interval { low, high } = options.interval;
    options.interval =
        Interval { low: s.noise_low.unwrap_or(low), high: s.noise_high.unwrap_or(high) };
    options.rate = Rate { peak: s.lr.unwrap_or(RATE), ..options.rate };
    set(&mut options.rate.warmup_steps, s.warmup);
    set(&mut options.rate.decay, s.decay);
    set(&mut options.rate.decay_from, s.decay_from);
    set(&mut options.dropout, s.dropout);
    set(&mut options.max_kept_bytes, s.keep.map(|gib| (gib * (1u64 << 30) as f64) as u64));
    set(&mut options.seed, s.seed);
    let optimiser = &mut options.optimiser;
    set(&mut optimiser.betas[0], s.beta1);
    set(&mut optimiser.betas[1], s.beta2);
    set(&mut optimiser.epsilon, s.epsilon);
    set(&mut optimiser.weight_decay, s.weight_decay);
    set(&mut optimiser.average_decay, s.ema);
    if let Some(rate) = s.muon_lr.filter(|&rate| rate != 0.0) {
        let ratio = rate / options.rate.peak;
        let momentum = s.muon_momentum.unwrap_or(MUON_MOMENTUM);
        optimiser.muon = Some(MuonOptions { ratio, momentum });
    }
    if let Some(clip) = s.clip {
        optimiser.max_norm = (clip != 0.0).then_some(clip);
    }
    let checks = &mut options.checks;
    set(&mut checks.every_steps, s.validate_every.map(|steps| (steps > 0).then_some(steps)));
    set(&mut checks.sequences, s.validate_sequences);
    set(&mut checks.draws, s.validate_draws);
    set(&mut checks.searches, s.search_noise);
    if let Some(sample) = &mut checks.sample {
        set(&mut sample.prompt, s.prompt.clone());
        set(&mut sample.length, s.sample_length);
    }
    checks.sample = checks.sample.take().filter(|SampleOptions { length, .. }| *length > 0);
    options
}

fn set<T>(option: &mut T, setting: Option<T>) {
    if let Some(setting) = setting {
        *option = setting;
    }
}
