//! From a model's name on the command line to a loaded engine, with progress on stderr.

use std::path::PathBuf;

use anyhow::Result;
use bdlm::gpu::{DType, Gpu};
use bdlm::hub::{self, FileBytes, ModelDigests, ModelFiles};
use bdlm::model::{Checkpoint, Grid, Habits, Network, Spec};
use bdlm::sample::{Engine, LoadOptions};
use clap::{Args, ValueEnum};

use crate::cli::device::Weights;
use crate::cli::print::{DownloadBar, note, progress_bar};
use crate::cli::process::hub_options;

/// Shape of a network with random weights, to be timed: time does not depend on them.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum RandomShape {
    /// Shape of the published models: 12 layers, 768 channels, vocabulary 50,258, block 16
    Small,
    /// Shape of the paper's tiny models: 8 layers, 256 channels
    Tiny,
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
        ModelArgs { model, tokenizer: None, mask_id: None, grid: None }
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

    /// Finds and loads the model and a tokenizer; with the block size that is asked for, if any.
    pub fn load(&self, gpu: &Gpu, weights: Weights, block_size: Option<usize>) -> Result<Engine> {
        self.upload(gpu, &self.find_for(true)?, weights, block_size)
    }

    /// The same, with a tokenizer only if the work is on text, and the digests of the files.
    pub fn load_known(
        &self,
        gpu: &Gpu,
        weights: Weights,
        block_size: Option<usize>,
        is_text: bool,
    ) -> Result<(Engine, ModelDigests)> {
        let files = self.find_for(is_text)?;
        Ok((self.upload(gpu, &files, weights, block_size)?, files.digests()))
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
        weights: Weights,
        block_size: Option<usize>,
    ) -> Result<Engine> {
        let files = self.find()?;
        self.upload(gpu, &files, weights, block_size)
    }

    fn upload(
        &self,
        gpu: &Gpu,
        files: &ModelFiles,
        weights: Weights,
        block_size: Option<usize>,
    ) -> Result<Engine> {
        let bar = progress_bar("{msg} [{bar:30}] {pos}/{len}");
        bar.set_message(format!("loading {}", self.model));
        let options = LoadOptions {
            habits: self.habits(block_size),
            ..LoadOptions::from(DType::from(weights))
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
        let (layers, channels, heads) = match self {
            RandomShape::Small => (12, 768, 12),
            RandomShape::Tiny => (8, 256, 8),
        };
        let json = serde_json::json!({
            "model_type": "bd3lm", "block_size": 16, "vocab_size": 50258, "model_length": 1024,
            "hidden_dim": channels, "cond_dim": 128, "n_blocks": layers, "n_heads": heads,
            "cross_attn": true, "causal": false, "bos_token_id": 50256,
        });
        Ok(Spec::from_json(json.to_string().as_bytes())?)
    }

    /// Makes the weights and uploads them.
    pub fn load(self, gpu: &Gpu, weights: Weights) -> Result<Network> {
        let checkpoint = Checkpoint::random(&self.spec()?, 1);
        let bar = progress_bar("{msg} [{bar:30}] {pos}/{len}");
        bar.set_message("making weights");
        let network = Network::load(gpu, &checkpoint, weights.into(), &mut |done, all| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        })?;
        bar.finish_and_clear();
        Ok(network)
    }
}

/// True for a checkpoint that does not say which token is BOS: without a tokenizer it could not
/// begin a text.
fn needs_tokenizer(files: &ModelFiles) -> bool {
    Spec::from_json(&files.config).is_ok_and(|spec| spec.always_bos && spec.bos_token_id.is_none())
}
