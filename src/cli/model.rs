//! From a model's name on the command line to a loaded engine, with progress on stderr.

use std::path::PathBuf;

use anyhow::Result;
use bdlm::gpu::{DType, Gpu, GpuOptions, KernelFamily};
use bdlm::hub::{self, Download, FileBytes, HubOptions, ModelFiles};
use bdlm::model::{Checkpoint, Network, Spec};
use bdlm::sample::Engine;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::{Deserialize, Serialize};

use crate::cli::{files, note};

/// How matrices are held on the device.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Weights {
    /// Half precision: half the memory, faster.
    F16,
    /// As in the checkpoint.
    F32,
    /// Eight bits, a scale for 64 inputs each: a quarter of f32's memory, a little less exact.
    Q8,
}

impl From<Weights> for DType {
    fn from(weights: Weights) -> DType {
        match weights {
            Weights::F16 => DType::F16,
            Weights::F32 => DType::F32,
            Weights::Q8 => DType::Q8,
        }
    }
}

/// Kernels to force.
#[derive(Clone, Copy, ValueEnum)]
pub enum Kernels {
    /// Outer products across subgroups of 8 (software adapters).
    Outer,
    /// Workgroup memory (GPUs).
    Workgroup,
    /// As workgroup, and matrix units for many rows (GPUs that have them).
    Cooperative,
    /// Neither subgroups nor workgroup memory in matrix products.
    Plain,
}

/// A network of generated weights, to be timed: time does not depend on them.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Shape {
    /// The published shape: 12 layers, 768 channels, vocabulary 50,258, block 16
    Small,
    /// The paper's tiny shape: 8 layers, 256 channels
    Tiny,
}

/// Where to compute.
#[derive(Args)]
pub struct DeviceArgs {
    /// Adapter, by index or part of its name (see `bdlm info`)
    #[arg(long, env = "BDLM_ADAPTER", value_name = "NAME|INDEX", help_heading = "Device")]
    pub adapter: Option<String>,
    /// Kernels to use instead of those that suit the adapter, or that `bdlm tune` chose
    #[arg(long, env = "BDLM_KERNELS", value_enum, help_heading = "Device")]
    pub kernels: Option<Kernels>,
    /// How weights are held on the device
    #[arg(long, value_enum, default_value = "f16", help_heading = "Device")]
    pub weights: Weights,
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
}

impl DeviceArgs {
    /// What the arguments ask for.
    pub fn options(&self) -> GpuOptions {
        let kernels = self.kernels.map(|kernels| match kernels {
            Kernels::Outer => KernelFamily::Outer,
            Kernels::Workgroup => KernelFamily::Workgroup,
            Kernels::Cooperative => KernelFamily::Cooperative,
            Kernels::Plain => KernelFamily::Plain,
        });
        GpuOptions {
            adapter: self.adapter.clone(),
            kernels,
            cache: files::cache_folder(),
            ..GpuOptions::default()
        }
    }

    /// Requests the device; says so if it is the CPU.
    pub fn request(&self) -> Result<Gpu> {
        let gpu = Gpu::request(&self.options())?;
        if gpu.is_software() && self.adapter.is_none() {
            let name = &gpu.info().name;
            note(&format!("no GPU found: computing on the CPU with {name}"));
        }
        Ok(gpu)
    }
}

impl ModelArgs {
    /// Finds the files, downloading them if need be.
    pub fn find(&self) -> Result<ModelFiles> {
        let mut bar = DownloadBar::default();
        let mut files = ModelFiles::find(&self.model, &mut |d| bar.update(d))?;
        if let Some(path) = &self.tokenizer {
            files.tokenizer = Some(FileBytes::open(path)?);
        }
        Ok(files)
    }

    /// Finds and loads the model and a tokenizer.
    pub fn load(&self, gpu: &Gpu, weights: Weights) -> Result<Engine> {
        let mut files = self.find()?;
        if files.tokenizer.is_none() && needs_tokenizer(&files) {
            let mut bar = DownloadBar::default();
            files.tokenizer =
                Some(hub::gpt2_tokenizer(&HubOptions::from_env(), &mut |d| bar.update(d))?);
        }
        self.upload(gpu, &files, weights)
    }

    /// Finds and loads the model, with a tokenizer if the work is on text.
    pub fn load_for(&self, gpu: &Gpu, weights: Weights, is_text: bool) -> Result<Engine> {
        if is_text { self.load(gpu, weights) } else { self.load_network(gpu, weights) }
    }

    /// Finds and loads the model, for work on tokens.
    pub fn load_network(&self, gpu: &Gpu, weights: Weights) -> Result<Engine> {
        let files = self.find()?;
        self.upload(gpu, &files, weights)
    }

    fn upload(&self, gpu: &Gpu, files: &ModelFiles, weights: Weights) -> Result<Engine> {
        let bar = progress_bar("{msg} [{bar:30}] {pos}/{len}");
        bar.set_message(format!("loading {}", self.model));
        let engine = Engine::load(gpu, files, weights.into(), &mut |done, all| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        })?;
        bar.finish_and_clear();
        Ok(engine)
    }
}

impl Shape {
    fn spec(self) -> Result<Spec> {
        let (layers, channels, heads) = match self {
            Shape::Small => (12, 768, 12),
            Shape::Tiny => (8, 256, 8),
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
    Spec::from_json(&files.config).is_ok_and(|spec| spec.bos_token_id.is_none())
}

/// A progress bar on stderr, shown on terminals only.
pub fn progress_bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar
}

/// Shows one bar per downloaded file.
#[derive(Default)]
pub struct DownloadBar {
    bar: Option<(String, ProgressBar)>,
}

impl DownloadBar {
    /// Shows how far a file is.
    pub fn update(&mut self, download: &Download) {
        if self.bar.as_ref().is_none_or(|(file, _)| *file != download.file) {
            let bar = progress_bar("{msg} [{bar:30}] {bytes}/{total_bytes} {eta}");
            bar.set_message(download.file.clone());
            self.bar = Some((download.file.clone(), bar));
        }
        if let Some((_, bar)) = &self.bar {
            bar.set_length(download.total_bytes);
            bar.set_position(download.done_bytes);
            if download.done_bytes >= download.total_bytes {
                bar.finish_and_clear();
            }
        }
    }
}
