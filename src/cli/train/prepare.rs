//! From settings to a run: tokenizer, tokens, network, options.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bdlm::eval::FirstToken;
use bdlm::eval::data::Documents;
use bdlm::gpu::Gpu;
use bdlm::hub::ModelFiles;
use bdlm::model::{Checkpoint, Objective, Spec};
use bdlm::text::{Tokenizer, learn_vocabulary};
use bdlm::train::{
    BlockSizes, Earlier, Interval, Length, MuonOptions, NewNetwork, Parameters, Rate, RunFiles,
    RunFolder, SampleOptions, Sequences, TrainData, TrainOptions, TrainRun, initial, tokens,
    with_block_size,
};
use serde_json::{Map, Value, json};

use crate::cli::files::read;
use crate::cli::print::{DownloadBar, note, progress_bar};
use crate::cli::process::hub_options;
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
    let mut options = options(settings);
    options.length.check()?;
    let earlier = if settings.resume == Some(true) { Earlier::Resume } else { Earlier::Refuse };
    let from = from(settings)?;
    let folder = RunFolder::open(out, earlier)?;
    let text = Texts::new(settings, from.as_ref(), &folder)?;
    let config = config(settings, from.as_ref(), &text.tokenizer)?;
    let spec = Spec::from_json(&serde_json::to_vec(&config)?)?;
    check_tokenizer(&text.tokenizer, &spec)?;
    if settings.block_size.is_none() {
        options.block_sizes = BlockSizes::fixed(spec.block_size().unwrap_or(1));
    }
    let (data, files) = data(settings, &text, &spec, folder, &config)?;
    options.check(&spec, data.train.length())?;
    let parameters = parameters(gpu, &spec, from.as_ref(), options.seed)?;
    Ok(TrainRun::new(parameters, data, options, files)?)
}

/// The model that the run begins with, if it is not random.
fn from(settings: &Settings) -> Result<Option<ModelFiles>> {
    let Some(name) = settings.from.as_deref().filter(|name| *name != "random") else {
        return Ok(None);
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
    Ok(Some(ModelFiles::find(name, &hub_options(), &mut |d| bar.update(d))?))
}

/// A tokenizer, and the files to read with it.
struct Texts {
    json: Arc<[u8]>,
    tokenizer: Tokenizer,
    train: Vec<PathBuf>,
    valid: Vec<PathBuf>,
}

impl Texts {
    fn new(settings: &Settings, from: Option<&ModelFiles>, folder: &RunFolder) -> Result<Texts> {
        let train = Documents::files(&settings.data)?;
        let valid = Documents::files(&settings.valid)?;
        let of_model = || from.and_then(|files| files.tokenizer.as_ref()).map(|file| file.to_vec());
        let json = match (&settings.tokenizer, of_model()) {
            (Some(path), _) => read(path)?,
            (None, Some(json)) => json,
            (None, None) if from.is_some() => {
                bail!("the model has no tokenizer.json; give one with --tokenizer FILE")
            }
            (None, None) => match folder.tokenizer()? {
                Some(json) => json,
                None => learnt(settings, &train, folder)?,
            },
        };
        let tokenizer = Tokenizer::from_bytes(&json, Path::new("tokenizer.json"))?;
        Ok(Texts { json: json.into(), tokenizer, train, valid })
    }

    fn end(&self) -> Result<u32> {
        let (_, end) = self.tokenizer.boundaries().context(
            "the tokenizer has no <|endoftext|>, which separates documents; try another --tokenizer",
        )?;
        Ok(end)
    }
}

/// A new tokenizer, kept in the folder for the next start.
fn learnt(settings: &Settings, train: &[PathBuf], folder: &RunFolder) -> Result<Vec<u8>> {
    let count = settings.vocabulary.unwrap_or(VOCABULARY);
    let spinner = progress_bar("{spinner} learning {msg} {elapsed}");
    spinner.set_message(format!("a vocabulary of {count} tokens"));
    spinner.enable_steady_tick(std::time::Duration::from_millis(200));
    let json = learn_vocabulary(Documents::open_parts(train)?, count)?;
    spinner.finish_and_clear();
    folder.write_tokenizer(&json)?;
    Ok(json)
}

fn config(settings: &Settings, from: Option<&ModelFiles>, tokenizer: &Tokenizer) -> Result<Value> {
    if let Some(files) = from {
        let config: Value = serde_json::from_slice(&files.config)
            .with_context(|| format!("{}", files.config.path().display()))?;
        let size = settings.block_size.as_ref().map(BlockSizes::main);
        return Ok(size.map_or(config.clone(), |size| with_block_size(config, size)));
    }
    let size = settings.block_size.as_ref().map_or(BLOCK_SIZE, BlockSizes::main);
    let objective = match settings.kind.unwrap_or(Kind::Block) {
        Kind::Block => Objective::Block { size },
        Kind::Masked => Objective::Masked,
        Kind::Autoregressive => Objective::Autoregressive,
    };
    let (_, end) = tokenizer.boundaries().context("the tokenizer has no <|endoftext|>")?;
    let network = NewNetwork {
        objective,
        layers: settings.layers.unwrap_or(6),
        channels: settings.channels.unwrap_or(256),
        heads: settings.heads.unwrap_or(4),
        window: settings.window.unwrap_or(WINDOW),
        n_ids: tokenizer.n_ids(),
        end,
        dropout: settings.dropout.unwrap_or(0.0),
    };
    Ok(network.config())
}

fn check_tokenizer(tokenizer: &Tokenizer, spec: &Spec) -> Result<()> {
    let (got, most) = (tokenizer.n_ids(), spec.n_drawable());
    if got > most {
        bail!("the tokenizer has {got} tokens, more than the {most} of the network");
    }
    Ok(())
}

fn data(
    settings: &Settings,
    text: &Texts,
    spec: &Spec,
    folder: RunFolder,
    config: &Value,
) -> Result<(TrainData, RunFiles)> {
    let (window, end) = (settings.window.unwrap_or(spec.window), text.end()?);
    let cut = settings.cut.unwrap_or_default();
    let cached = |paths: &[PathBuf], what: &str| {
        let spinner = progress_bar("{spinner} {msg} {elapsed}");
        let mut progress = |count: usize| {
            spinner.set_message(format!("{count} tokens of {what}"));
            spinner.tick();
        };
        let cached = tokens(paths, &text.json, folder.path(), &mut progress);
        spinner.finish_and_clear();
        cached
    };
    let train = cached(&text.train, "--data")?;
    let valid = match text.valid.is_empty() {
        true => None,
        false => Some(cached(&text.valid, "--valid")?),
    };
    if valid.as_ref().is_some_and(|valid| valid.digest == train.digest) {
        note("note: --valid is the text of --data: its likelihood says nothing about other texts");
    }
    let mut decides = Map::new();
    decides.insert("data".into(), json!(format!("{:016x}", train.digest)));
    decides.insert("cut".into(), json!(cut));
    decides.insert("window".into(), json!(window));
    decides.insert("config".into(), config.clone());
    let count = train.tokens.len();
    let train = Sequences::new(train.tokens, window, cut, end)?;
    note(&format!("{count} tokens, {} sequences of {window}", train.len()));
    let valid = valid.map(|valid| Sequences::new(valid.tokens, window, cut, end)).transpose()?;
    let data = TrainData { train, valid, tokenizer: Some(text.json.clone()) };
    let config = serde_json::to_vec_pretty(config)?;
    let save_every = settings.save_every.unwrap_or(SAVE_EVERY);
    if save_every == 0 {
        bail!("--save-every is 0, expected at least 1");
    }
    Ok((data, RunFiles { folder, save_every, config, settings: decides }))
}

fn parameters(gpu: &Gpu, spec: &Spec, from: Option<&ModelFiles>, seed: u64) -> Result<Parameters> {
    let Some(files) = from else { return Ok(initial(gpu, spec, seed)?) };
    let shards: Vec<_> = files.weights.iter().map(|file| (file.path(), &**file)).collect();
    Ok(Parameters::new(gpu, &Checkpoint::new(spec, &shards)?)?)
}

/// What the run does; what is not set has the library's default, or one of those above.
fn options(settings: &Settings) -> TrainOptions {
    let s = settings;
    let length = Length { steps: s.steps, epochs: s.epochs, minutes: s.minutes };
    let mut options = TrainOptions { length, ..TrainOptions::default() };
    set(&mut options.batch, s.batch);
    set(&mut options.accumulate, s.accumulate);
    if let Some(sizes) = &s.block_size {
        options.block_sizes = sizes.clone();
    }
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
