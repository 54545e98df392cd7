//! From texts to a run in a folder: vocabulary, tokens, configuration, weights.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::eval::check_has_likelihood;
use crate::eval::data::Documents;
use crate::gpu::Gpu;
use crate::hub::ModelFiles;
use crate::model::{Checkpoint, Habits, Spec};
use crate::text::{Tokenizer, learn_vocabulary};
use crate::train::block_sizes::BlockSizes;
use crate::train::files::cache::{CachedTokens, tokens};
use crate::train::files::folder::{Earlier, RunFolder};
use crate::train::files::run::{RunFiles, TrainRun};
use crate::train::options::TrainOptions;
use crate::train::tokens::{Cut, Sequences};
use crate::train::trainer::TrainData;
use crate::train::{NewNetwork, Parameters, initial, with_block_size};
use crate::{Advice, Error, Fault, Result};

/// What a run in a folder is made of.
#[derive(Debug)]
pub struct RunSetup {
    /// Where the run is.
    pub folder: PathBuf,
    /// What to do with a run that is there already.
    pub earlier: Earlier,
    /// Files and folders of texts to train on.
    pub train: Vec<PathBuf>,
    /// Those to evaluate on; none if there are none.
    pub valid: Vec<PathBuf>,
    /// Where sequences begin.
    pub cut: Cut,
    /// Tokens of a sequence; the network's window if absent.
    pub window: Option<usize>,
    /// The bytes of a `tokenizer.json`; the model's, or a new one, if absent.
    pub tokenizer: Option<Vec<u8>>,
    /// The network that the run begins with.
    pub begin: Beginning,
    /// Tokens of a block; the network's if absent.
    pub block_sizes: Option<BlockSizes>,
    /// What the run does. Its block sizes are those above.
    pub options: TrainOptions,
    /// Steps from one save to the next.
    pub save_every: usize,
}

/// The network that a run begins with.
#[derive(Debug)]
pub enum Beginning {
    /// A model.
    Model(Box<ModelFiles>),
    /// One with random weights.
    New {
        /// Its shape. Its tokens and its end of text are those of the tokenizer.
        network: NewNetwork,
        /// Tokens of a vocabulary that is learnt from the texts, if no tokenizer is given.
        vocabulary: usize,
    },
}

/// What is being done before the first step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preparing {
    /// A vocabulary of so many tokens is learnt.
    Vocabulary(usize),
    /// The texts to train on are turned into tokens: so many until now.
    Train(usize),
    /// The texts to evaluate on are turned into tokens: so many until now.
    Valid(usize),
    /// All sequences are there.
    Sequences {
        /// Tokens to train on.
        tokens: usize,
        /// Sequences to train on.
        sequences: usize,
        /// Tokens of a sequence.
        window: usize,
        /// True if the texts to evaluate on are those to train on.
        valid_is_train: bool,
    },
}

/// The progress of a preparation, which ends if it breaks. Texts are read by a pool of threads.
type Report<'a> = &'a mut (dyn FnMut(Preparing) -> ControlFlow<()> + Send);

impl RunSetup {
    /// Makes the run, or takes the one that is there; none if `progress` has broken.
    ///
    /// # Errors
    /// Those of [`RunFolder::open`], [`tokens`], [`learn_vocabulary`] and [`TrainRun::new`];
    /// [`Error::Tokenizer`] for one that does not suit the network.
    pub fn begin(self, gpu: &Gpu, progress: Report<'_>) -> Result<Option<TrainRun>> {
        self.options.length.check()?;
        if let Beginning::Model(files) = &self.begin {
            check_has_likelihood(&Spec::of_files(files, Habits::default())?)?;
        }
        let folder = RunFolder::open(&self.folder, self.earlier)?;
        let (train, valid) = (Documents::files(&self.train)?, Documents::files(&self.valid)?);
        let Some(json) = self.tokenizer_json(&train, &folder, progress)? else { return Ok(None) };
        let json: Arc<[u8]> = json.into();
        let tokenizer = Tokenizer::from_bytes(&json, Path::new("tokenizer.json"))?;
        let (_, end) = tokenizer.boundaries().ok_or_else(|| {
            let words = "the tokenizer has no <|endoftext|>, which separates documents";
            Error::Tokenizer(Fault::from(words).advise(Advice::NameTokenizer))
        })?;
        let config = self.config(&tokenizer, end)?;
        let spec = Spec::from_json(config.to_string().as_bytes())?;
        check_tokenizer(&tokenizer, &spec)?;
        let mut options = self.options.clone();
        options.block_sizes = match &self.block_sizes {
            Some(sizes) => sizes.clone(),
            None => BlockSizes::fixed(spec.block_size().unwrap_or(1)),
        };
        let texts = Texts { json, end, train, valid };
        let found = self.data(&texts, &spec, (&folder, &config), progress)?;
        let Some((data, settings)) = found else { return Ok(None) };
        options.check(&spec, data.train.length())?;
        let parameters = self.parameters(gpu, &spec, options.seed)?;
        let pretty = serde_json::to_vec_pretty(&config);
        let config = pretty.map_err(|e| Error::internal(e.to_string()))?;
        let files = RunFiles { folder, save_every: self.save_every, config, settings };
        TrainRun::new(parameters, data, options, files).map(Some)
    }

    /// The tokenizer that is given, the model's, the one of the run that is gone on with, or a new one,
    /// which is kept in the folder for the next start.
    fn tokenizer_json(
        &self,
        train: &[PathBuf],
        folder: &RunFolder,
        progress: Report<'_>,
    ) -> Result<Option<Vec<u8>>> {
        if let Some(json) = &self.tokenizer {
            return Ok(Some(json.clone()));
        }
        match &self.begin {
            Beginning::Model(files) => match &files.tokenizer {
                Some(file) => Ok(Some(file.to_vec())),
                None => {
                    let fault = Fault::from("the model has no tokenizer.json");
                    Err(Error::Tokenizer(fault.advise(Advice::NameTokenizer)))
                }
            },
            Beginning::New { vocabulary, .. } => {
                if let Some(json) = folder.tokenizer()? {
                    return Ok(Some(json));
                }
                let mut goes_on = true;
                let texts = Documents::open_parts(train)?.take_while(|_| {
                    goes_on = progress(Preparing::Vocabulary(*vocabulary)).is_continue();
                    goes_on
                });
                let learnt = learn_vocabulary(texts, *vocabulary);
                if !goes_on {
                    return Ok(None);
                }
                let json = learnt?;
                folder.write_tokenizer(&json)?;
                Ok(Some(json))
            }
        }
    }

    fn config(&self, tokenizer: &Tokenizer, end: u32) -> Result<Value> {
        match &self.begin {
            Beginning::Model(files) => {
                let damaged = |e: serde_json::Error| {
                    let path = files.config.path();
                    Error::checkpoint(path, format!("it is not whole JSON: {e}"))
                };
                let config: Value = serde_json::from_slice(&files.config).map_err(damaged)?;
                Ok(match &self.block_sizes {
                    Some(sizes) => with_block_size(config, sizes.main()),
                    None => config,
                })
            }
            Beginning::New { network, .. } => {
                Ok(NewNetwork { n_ids: tokenizer.n_ids(), end, ..*network }.config())
            }
        }
    }

    /// The sequences, and what decides the run beside its options; none if it was stopped.
    fn data(
        &self,
        texts: &Texts,
        spec: &Spec,
        (folder, config): (&RunFolder, &Value),
        progress: Report<'_>,
    ) -> Result<Option<(TrainData, Map<String, Value>)>> {
        let (window, cut) = (self.window.unwrap_or(spec.window), self.cut);
        let mut read = |files: &[PathBuf], at: fn(usize) -> Preparing| {
            tokens(files, &texts.json, folder.path(), &mut |count| progress(at(count)))
        };
        let Some(train) = read(&texts.train, Preparing::Train)? else { return Ok(None) };
        let valid = match texts.valid.is_empty() {
            true => None,
            false => match read(&texts.valid, Preparing::Valid)? {
                Some(valid) => Some(valid),
                None => return Ok(None),
            },
        };
        let mut settings = Map::new();
        settings.insert("data".into(), json!(format!("{:016x}", train.digest)));
        settings.insert("cut".into(), json!(cut));
        settings.insert("window".into(), json!(window));
        settings.insert("config".into(), config.clone());
        let valid_is_train = valid.as_ref().is_some_and(|valid| valid.digest == train.digest);
        let count = train.tokens.len();
        let cut_up = |cached: CachedTokens| Sequences::new(cached.tokens, window, cut, texts.end);
        let (train, valid) = (cut_up(train)?, valid.map(cut_up).transpose()?);
        let sequences = train.len();
        let there = Preparing::Sequences { tokens: count, sequences, window, valid_is_train };
        if progress(there).is_break() {
            return Ok(None);
        }
        let data = TrainData { train, valid, tokenizer: Some(texts.json.clone()) };
        Ok(Some((data, settings)))
    }

    fn parameters(&self, gpu: &Gpu, spec: &Spec, seed: u64) -> Result<Parameters> {
        let Beginning::Model(files) = &self.begin else { return initial(gpu, spec, seed) };
        let shards: Vec<_> = files.weights.iter().map(|file| (file.path(), &**file)).collect();
        Parameters::new(gpu, &Checkpoint::new(spec, &shards)?)
    }
}

/// A tokenizer, and the files to read with it.
struct Texts {
    json: Arc<[u8]>,
    /// The token between documents.
    end: u32,
    train: Vec<PathBuf>,
    valid: Vec<PathBuf>,
}

fn check_tokenizer(tokenizer: &Tokenizer, spec: &Spec) -> Result<()> {
    let (got, most) = (tokenizer.n_ids(), spec.n_drawable());
    if got <= most {
        return Ok(());
    }
    let words = format!("it has {got} tokens, more than the {most} of the network");
    Err(Error::Tokenizer(Fault::from(words).advise(Advice::NameTokenizer)))
}
