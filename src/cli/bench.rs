//! `bdlm bench`.

use std::io::{self, Write};

use anyhow::{Result, bail};
use bdlm::gpu::{DType, Gpu};
use bdlm::model::{Checkpoint, Config, Dit, Family};
use bdlm::sample::{Bench as PassBench, Engine, PassTimes};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::cli::check_interrupt;
use crate::cli::model::{DeviceArgs, ModelArgs, progress_bar};
use crate::cli::present::{bytes, kernel_table};

/// Time denoising passes on this machine.
#[derive(Args)]
#[command(after_help = "Examples:
  bdlm bench
  bdlm bench --random small --block-size 4 --context 512 --format json")]
pub struct Bench {
    #[command(flatten)]
    model: ModelArgs,
    /// Generated weights instead of a model
    #[arg(long, value_enum, conflicts_with = "model")]
    random: Option<Shape>,
    /// Tokens in a block [default: the checkpoint's]
    #[arg(long, value_name = "K")]
    block_size: Option<usize>,
    /// Cached positions that the block attends to [default: half the window]
    #[arg(long, value_name = "N")]
    context: Option<usize>,
    /// Passes to time; many even out what else the machine does
    #[arg(long, value_name = "N", default_value_t = 60)]
    passes: usize,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: BenchFormat,
    /// Print the time of each kernel too
    #[arg(long)]
    profile: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Shape {
    /// The published shape: 12 layers, 768 channels, vocabulary 50,258, block 16
    Small,
    /// The paper's tiny shape: 8 layers, 256 channels
    Tiny,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum BenchFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
}

#[derive(Serialize)]
struct Report {
    adapter: String,
    backend: String,
    kernels: String,
    model: String,
    weights: DType,
    block_size: usize,
    context: usize,
    passes: usize,
    ms_per_pass: f64,
    ms_min: f64,
    ms_max: f64,
    ms_fused: f64,
    first_ms: f64,
    dispatches_per_pass: usize,
    dispatches_per_layer: usize,
    tokens_per_sec: f64,
    weights_bytes: u64,
    weights_bytes_per_sec: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernels_ms: Option<Vec<bdlm::gpu::KernelTime>>,
}

impl Shape {
    fn config(self) -> Result<Config> {
        let (layers, channels, heads) = match self {
            Shape::Small => (12, 768, 12),
            Shape::Tiny => (8, 256, 8),
        };
        let json = serde_json::json!({
            "model_type": "bd3lm", "block_size": 16, "vocab_size": 50258, "model_length": 1024,
            "hidden_dim": channels, "cond_dim": 128, "n_blocks": layers, "n_heads": heads,
            "cross_attn": true, "causal": false,
        });
        Ok(Config::from_json(json.to_string().as_bytes())?)
    }
}

impl Bench {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        if self.passes == 0 {
            bail!("--passes is 0, expected at least 1");
        }
        let gpu = self.device.request()?;
        let engine = self.engine(&gpu)?;
        let dit = engine.dit();
        let config = dit.config();
        if config.family() != Family::BlockDiffusion {
            bail!("this checkpoint is {}; passes are timed for block diffusion", config.family());
        }
        let block_size = self.block_size.unwrap_or(config.block_size);
        let room = config.model_length.saturating_sub(block_size);
        let context = self.context.unwrap_or(room.min(config.model_length / 2));
        let bench = PassBench { block_size, context, passes: self.passes };
        let bar = progress_bar("{spinner} {msg}");
        bar.set_message(format!("timing {} passes", self.passes));
        bar.tick();
        let times = pollster::block_on(bench.run(dit))?;
        check_interrupt()?;
        let profile = self.profile.then(|| pollster::block_on(bench.profile(dit))).transpose()?;
        bar.finish_and_clear();
        let report = Report::new(&self, &gpu, &engine, &bench, &times, profile);
        report.print(self.format)
    }

    fn engine(&self, gpu: &Gpu) -> Result<Engine> {
        let Some(shape) = self.random else {
            return self.model.load_network(gpu, self.device.weights);
        };
        let checkpoint = Checkpoint::random(&shape.config()?, 1);
        let bar = progress_bar("{msg} [{bar:30}] {pos}/{len}");
        bar.set_message("making weights");
        let dit = Dit::load(gpu, &checkpoint, self.device.weights.into(), &mut |done, all| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        })?;
        bar.finish_and_clear();
        Ok(Engine::new(dit, None))
    }

    fn model_name(&self) -> String {
        match self.random {
            Some(Shape::Small) => "random small".into(),
            Some(Shape::Tiny) => "random tiny".into(),
            None => self.model.model.clone(),
        }
    }
}

impl Report {
    fn new(
        command: &Bench,
        gpu: &Gpu,
        engine: &Engine,
        bench: &PassBench,
        times: &PassTimes,
        kernels_ms: Option<Vec<bdlm::gpu::KernelTime>>,
    ) -> Report {
        let sorted = sorted(&times.pass_ms);
        let at = |i: usize| sorted.get(i).copied().unwrap_or(f64::NAN);
        let ms_per_pass = at(sorted.len() / 2);
        let ms_fused = self::sorted(&times.fused_ms)[times.fused_ms.len() / 2];
        // First-hitting opens one token per pass; a block's first pass stores the one before.
        let cells = bench.block_size as f64;
        let ms_per_block = ms_fused + (cells - 1.0) * ms_per_pass;
        Report {
            adapter: gpu.info().name.clone(),
            backend: gpu.info().backend.to_string(),
            kernels: format!("{:?}", gpu.kernels()).to_lowercase(),
            model: command.model_name(),
            weights: engine.dit().weights_dtype(),
            block_size: bench.block_size,
            context: times.context,
            passes: sorted.len(),
            ms_per_pass,
            ms_min: at(0),
            ms_max: at(sorted.len() - 1),
            ms_fused,
            first_ms: times.first_ms,
            dispatches_per_pass: times.dispatches,
            dispatches_per_layer: times.layer_dispatches,
            tokens_per_sec: 1e3 * cells / ms_per_block,
            weights_bytes: times.weights_bytes,
            weights_bytes_per_sec: times.weights_bytes as f64 * 1e3 / ms_per_pass,
            kernels_ms,
        }
    }

    fn print(&self, format: BenchFormat) -> Result<()> {
        let mut out = io::stdout().lock();
        if format == BenchFormat::Json {
            serde_json::to_writer_pretty(&mut out, self).map_err(io::Error::from)?;
            return Ok(writeln!(out)?);
        }
        let Report { adapter, backend, kernels, model, block_size, context, .. } = self;
        let weights = format!("{:?}", self.weights).to_lowercase();
        writeln!(out, "{:<24}{adapter}, {backend}, {kernels} kernels", "adapter")?;
        writeln!(out, "{:<24}{model}, {weights} weights", "model")?;
        writeln!(out, "{:<24}{block_size} after {context} cached positions", "block")?;
        writeln!(
            out,
            "{:<24}{:.2} ms (median of {}; {:.2} to {:.2}; the first {:.0})",
            "denoising pass",
            self.ms_per_pass,
            self.passes,
            self.ms_min,
            self.ms_max,
            self.first_ms
        )?;
        writeln!(out, "{:<24}{:.2} ms (median)", "first pass of a block", self.ms_fused)?;
        let (pass, layer) = (self.dispatches_per_pass, self.dispatches_per_layer);
        writeln!(out, "{:<24}{pass} a pass, {layer} a layer", "dispatches")?;
        writeln!(
            out,
            "{:<24}{:.1} a second, first-hitting, batch 1",
            "tokens", self.tokens_per_sec
        )?;
        let rate = bytes(self.weights_bytes_per_sec as u64);
        writeln!(
            out,
            "{:<24}{} a pass, {rate} a second",
            "weights read",
            bytes(self.weights_bytes)
        )?;
        if let Some(times) = &self.kernels_ms {
            writeln!(out, "\n{}", kernel_table(times))?;
        }
        Ok(())
    }
}

fn sorted(times: &[f64]) -> Vec<f64> {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}
