//! From a model's name on the command line to a loaded engine, with progress on stderr.

use std::path::PathBuf;

use anyhow::Result;
use bdlm::gpu::Gpu;
use bdlm::hub::{self, AdapterFiles, FileBytes, ModelDigests, ModelFiles, Sha256};
use bdlm::model::{Checkpoint, Grid, Habits, Lora, Network, Spec};
use bdlm::sample::{Engine, LoadOptions};
use clap::{Args, ValueEnum};

use crate::cli::device::WeightArgs;
use crate::cli::print::{DownloadBar, note, progress_bar};
use crate::cli::process::hub_options;

/// Shape of a network with random weights, to be timed: time does not depend on them.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum RandomShape {
    /// Shape of the published models: 12 layers, 768 channels, vocabulary 50,258, block 16
    Small,
    /// Shape of the paper's tiny models: 8 layers, 256 channels
    Tiny,
    /// Shape of SDAR-1.7B: 28 layers, 2048 channels, a head of its own, block 4
    #[value(name = "sdar-1.7b")]
    Sdar,
    /// Shape of Qwen3-0.6B: 28 layers, 1024 channels, block 32
    #[value(name = "qwen3-0.6b")]
    Qwen3,
    /// Shape of SmolLM2-135M: 30 layers, 576 channels, in blocks of 4
    #[value(name = "smollm2")]
    Smollm2,
    /// Shape of SSD-LM: RoBERTa-large's 24 layers and 1024 channels, two tables, blocks of 25
    #[value(name = "ssd-lm")]
    SsdLm,
}

/// Which model.
#[derive(Args)]
pub struct ModelArgs {
    /// Model: `tales` (embedded), a folder, or a hub id such as
    /// kuleshov-group/bd3lm-owt-block_size16
    #[arg(long, default_value = "tales", value_name = "NAME|DIR|HUB_ID")]
    pub model: String,
    /// Tokenizer file, for checkpoints without one (GPT-2's from the hub by default)
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,
    /// The mask token, for checkpoints that do not say [default: theirs]
    #[arg(long, value_name = "N")]
    pub mask_id: Option<u32>,
    /// Adapter of PEFT to merge into the weights, a folder or hub id, with `=SCALE` behind it to
    /// multiply its own; may be given more than once
    #[arg(long, value_name = "DIR|HUB_ID")]
    pub lora: Vec<String>,
    /// Where the grid of blocks begins, for Llama-shaped models [default: the model's]
    #[arg(long, value_enum)]
    pub grid: Option<GridBegin>,
}

/// Where the grid of blocks begins.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum GridBegin {
    /// At the first token
    Sequence,
    /// Where a block ends with the prompt
    Prompt,
}

impl From<GridBegin> for Grid {
    fn from(begin: GridBegin) -> Grid {
        match begin {
            GridBegin::Sequence => Grid::Sequence,
            GridBegin::Prompt => Grid::Prompt,
        }
    }
}

impl ModelArgs {
    /// A model of this name.
    pub fn named(model: String) -> ModelArgs {
        ModelArgs { model, tokenizer: None, mask_id: None, lora: Vec::new(), grid: None }
    }

    /// What the arguments say of the model's habits.
    pub fn habits(&self, block_size: Option<usize>) -> Habits {
        Habits { mask_id: self.mask_id, block_size, grid: self.grid.map(Grid::from) }
    }

    /// Finds the files, downloading them if need be.
    pub fn find(&self) -> Result<ModelFiles> {
        let mut bar = DownloadBar::default();
        let mut files = ModelFiles::find(&self.model, &hub_options(), &mut |d| bar.update(d))?;
        if let Some(path) = &self.tokenizer {
            files.tokenizer = Some(FileBytes::open(path)?);
        }
        Ok(files)
    }

    /// The adapters, downloaded if need be.
    pub fn loras(&self) -> Result<Vec<Lora>> {
        let read = |(files, scale): (AdapterFiles, f32)| Ok(Lora::read(&files, scale)?);
        self.adapters()?.into_iter().map(read).collect()
    }

    /// The adapters' files, each with its scale.
    fn adapters(&self) -> Result<Vec<(AdapterFiles, f32)>> {
        let mut bar = DownloadBar::default();
        let mut find = |given: &String| {
            // A name may have an equals sign in it too.
            let scaled = given.rsplit_once('=');
            let scaled = scaled.and_then(|(name, scale)| Some((name, scale.parse().ok()?)));
            let (name, scale) = scaled.unwrap_or((given, 1.0));
            Ok((AdapterFiles::find(name, &hub_options(), &mut |d| bar.update(d))?, scale))
        };
        self.lora.iter().map(&mut find).collect()
    }

    /// What the model is known by: its files, the adapters' and what was asked for beside them.
    fn digests(&self, files: &ModelFiles) -> Result<ModelDigests> {
        let line = |(files, scale): &(AdapterFiles, f32)| {
            let (config, weights) = (Sha256::of(&files.config), Sha256::of(&files.weights));
            format!("{scale} {config} {weights}\n")
        };
        let adapters: String = self.adapters()?.iter().map(line).collect();
        let grid = self.grid.and_then(|grid| grid.to_possible_value());
        Ok(ModelDigests {
            adapters_sha256: (!adapters.is_empty()).then(|| Sha256::of(adapters.as_bytes())),
            mask_id: self.mask_id,
            grid: grid.map(|grid| grid.get_name().into()),
            ..files.digests()
        })
    }

    /// What the model is, before its weights are read.
    pub fn spec(&self, block_size: Option<usize>) -> Result<Spec> {
        Ok(Spec::of_files(&self.find()?, self.habits(block_size))?)
    }

    /// Finds and loads the model and a tokenizer; with the block size that is asked for, if any.
    pub fn load(
        &self,
        gpu: &Gpu,
        weights: WeightArgs,
        block_size: Option<usize>,
    ) -> Result<Engine> {
        self.upload(gpu, &self.find_for(true)?, weights, block_size)
    }

    /// The same, with a tokenizer only if the work is on text, and the digests of the files.
    pub fn load_known(
        &self,
        gpu: &Gpu,
        weights: WeightArgs,
        block_size: Option<usize>,
        is_text: bool,
    ) -> Result<(Engine, ModelDigests)> {
        let files = self.find_for(is_text)?;
        Ok((self.upload(gpu, &files, weights, block_size)?, self.digests(&files)?))
    }

    /// Finds the model, with a tokenizer if the work is on text.
    fn find_for(&self, is_text: bool) -> Result<ModelFiles> {
        let mut files = self.find()?;
        if is_text && files.tokenizer.is_none() && needs_tokenizer(&files) {
            let mut bar = DownloadBar::default();
            files.tokenizer = Some(hub::gpt2_tokenizer(&hub_options(), &mut |d| bar.update(d))?);
        }
        Ok(files)
    }

    /// Finds and loads the model, for work on tokens.
    pub fn load_network(
        &self,
        gpu: &Gpu,
        weights: WeightArgs,
        block_size: Option<usize>,
    ) -> Result<Engine> {
        let files = self.find()?;
        self.upload(gpu, &files, weights, block_size)
    }

    fn upload(
        &self,
        gpu: &Gpu,
        files: &ModelFiles,
        weights: WeightArgs,
        block_size: Option<usize>,
    ) -> Result<Engine> {
        let bar = progress_bar("{msg} [{bar:30}] {pos}/{len}");
        bar.set_message(format!("loading {}", self.model));
        let options = LoadOptions {
            formats: weights.formats(&files.config),
            habits: self.habits(block_size),
            loras: self.loras()?,
        };
        let engine = Engine::load(gpu, files, options, &mut |done, all| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        })?;
        bar.finish_and_clear();
        if let Some(n @ 1..) = engine.n_tokenless() {
            let all = engine.network().spec().vocab_size;
            note(&format!("{n} of the {all} ids of {} have no token: none is drawn", self.model));
        }
        Ok(engine)
    }
}

impl RandomShape {
    /// What it is a shape of.
    pub fn spec(self) -> Result<Spec> {
        let bd3lm = |layers: usize, channels: usize, heads: usize| {
            serde_json::json!({
                "model_type": "bd3lm", "block_size": 16, "vocab_size": 50258,
                "model_length": 1024, "hidden_dim": channels, "cond_dim": 128,
                "n_blocks": layers, "n_heads": heads, "cross_attn": true, "causal": false,
                "bos_token_id": 50256,
            })
        };
        let llama =
            |kind: &str, vocabulary: usize, [c, f, layers]: [usize; 3], heads: [usize; 3]| {
                serde_json::json!({
                    "model_type": kind, "vocab_size": vocabulary, "max_position_embeddings": 4096,
                    "hidden_size": c, "intermediate_size": f, "num_hidden_layers": layers,
                    "num_attention_heads": heads[0], "num_key_value_heads": heads[1],
                    "head_dim": heads[2], "rms_norm_eps": 1e-6, "rope_theta": 1e6,
                    "tie_word_embeddings": kind != "sdar", "mask_token_id": vocabulary - 1,
                    "bos_token_id": 0,
                })
            };
        let json = match self {
            RandomShape::Small => bd3lm(12, 768, 12),
            RandomShape::Tiny => bd3lm(8, 256, 8),
            RandomShape::Sdar => llama("sdar", 151_936, [2048, 6144, 28], [16, 8, 128]),
            RandomShape::Qwen3 => llama("a2d-qwen3", 151_936, [1024, 3072, 28], [16, 8, 128]),
            RandomShape::Smollm2 => llama("llama", 49_152, [576, 1536, 30], [9, 3, 64]),
            RandomShape::SsdLm => serde_json::json!({
                "model_type": "roberta", "vocab_size": 50265, "hidden_size": 1024,
                "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096,
                "max_position_embeddings": 514,
            }),
        };
        // Plain decoders have blocks if the caller says so.
        let block_size = (self == RandomShape::Smollm2).then_some(4);
        let asked = Habits { block_size, ..Habits::default() };
        Ok(Spec::of_config(json.to_string().as_bytes(), asked)?)
    }

    /// Makes the weights and uploads them.
    pub fn load(self, gpu: &Gpu, weights: WeightArgs) -> Result<Network> {
        let checkpoint = Checkpoint::random(&self.spec()?, 1);
        let bar = progress_bar("{msg} [{bar:30}] {pos}/{len}");
        bar.set_message("making weights");
        let network = Network::load(gpu, &checkpoint, weights.of_nothing(), &mut |done, all| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        })?;
        bar.finish_and_clear();
        Ok(network)
    }
}

/// What the config alone says; what is wrong with it is said later.
fn needs_tokenizer(files: &ModelFiles) -> bool {
    Spec::from_json(&files.config).is_ok_and(|spec| spec.needs_tokenizer())
}
