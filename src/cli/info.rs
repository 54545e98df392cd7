//! `bdlm info`.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use bdlm::gpu::{Gpu, KernelFamily, MatrixUnits, Tuning};
use bdlm::model::{Checkpoint, Spec};
use bdlm::sample::{MemoryPlan, Request};
use bdlm::text::Tokenizer;
use bdlm::wgpu;
use clap::Args;
use serde::Serialize;

use crate::cli::device::DeviceArgs;
use crate::cli::model::ModelArgs;
use crate::cli::print::{TextOrJson, bytes, driver, print_json};
use crate::cli::process::user_cache;
use crate::cli::self_test;

/// Show the adapters of this machine, a model's shape, and the memory it needs.
#[derive(Args)]
#[command(after_help = "Examples:
  bdlm info
  bdlm info --model my-checkpoint --weights f32 --batch 8 --format json
  bdlm info --self-test --kernels workgroup")]
pub struct Info {
    #[command(flatten)]
    model: ModelArgs,
    /// Samples generated at the same time, for the memory plan
    #[arg(long, value_name = "B", default_value_t = 1)]
    batch: usize,
    /// Tokens in a block, for checkpoints that do not say
    #[arg(long, value_name = "K")]
    block_size: Option<usize>,
    /// Check each kernel on the chosen adapter against the CPU, and show nothing else
    #[arg(long)]
    self_test: bool,
    /// How to print the report
    #[arg(long, value_enum, default_value = "text")]
    format: TextOrJson,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Serialize)]
struct Report {
    adapters: Vec<Adapter>,
    model: Model,
    memory: MemoryPlan,
}

#[derive(Serialize)]
struct Adapter {
    name: String,
    kind: String,
    backend: String,
    driver: String,
    kernels: KernelFamily,
    /// Whether `bdlm tune` chose them.
    tuned: bool,
    subgroup_sizes: [u32; 2],
    subgroups: bool,
    shader_f16: bool,
    matrix_units: Option<u32>,
    timestamps: bool,
    max_binding_bytes: u64,
    max_buffer_bytes: u64,
}

#[derive(Serialize)]
struct Model {
    name: String,
    family: String,
    tokenizer: bool,
    /// Ids without a token in the checkpoint's tokenizer, the mask's apart.
    tokenless_ids: Option<usize>,
    parameters: u64,
    #[serde(rename = "config")]
    spec: Spec,
}

impl Info {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        if self.self_test {
            return self_test::run(&self.device.options(), self.format);
        }
        let files = self.model.find()?;
        let spec = Spec::of_files(&files, self.model.habits(self.block_size))?;
        let shards: Vec<_> = files.weights.iter().map(|file| (file.path(), &**file)).collect();
        // Names and shapes are checked; nothing is converted or uploaded.
        Checkpoint::new(&spec, &shards)?.adapted(self.model.loras()?)?;
        let cache = user_cache();
        let adapters = Gpu::adapters();
        let adapters: Vec<Adapter> =
            adapters.iter().map(|adapter| describe(adapter, cache.as_deref())).collect();
        let kernels = adapters.first().map_or(KernelFamily::Workgroup, |adapter| adapter.kernels);
        let request = Request {
            length: spec.window,
            samples: self.batch.max(1),
            batch: self.batch.max(1),
            ..Request::default()
        };
        let memory =
            MemoryPlan::new(&spec, self.device.weights.formats(&files.config), kernels, &request);
        let shapes = spec.tensors();
        let parameters: usize = shapes.iter().map(|(_, s)| s.iter().product::<usize>()).sum();
        let tokenizer = files.tokenizer.as_ref();
        let tokenizer =
            tokenizer.map(|file| Tokenizer::from_bytes(file, file.path())).transpose()?;
        let tokenless_ids = tokenizer.map(|t| t.n_tokenless(spec.vocab_size, spec.mask_id));
        let model = Model {
            name: files.name,
            tokenless_ids,
            family: spec.family().to_string(),
            tokenizer: files.tokenizer.is_some(),
            parameters: parameters as u64,
            spec,
        };
        let report = Report { adapters, model, memory };
        match self.format {
            TextOrJson::Text => report.print(&mut io::stdout().lock(), self.batch),
            TextOrJson::Json => print_json(&report),
        }
    }
}

fn describe(adapter: &wgpu::Adapter, cache: Option<&Path>) -> Adapter {
    let (info, features, limits) = (adapter.get_info(), adapter.features(), adapter.limits());
    let (suited, kept) = Tuning::for_adapter(adapter, cache);
    Adapter {
        kernels: kept.unwrap_or(suited).kernels,
        tuned: kept.is_some(),
        kind: format!("{:?}", info.device_type),
        backend: info.backend.to_string(),
        driver: driver(&info),
        subgroup_sizes: [info.subgroup_min_size, info.subgroup_max_size],
        name: info.name,
        subgroups: features.contains(wgpu::Features::SUBGROUP),
        shader_f16: features.contains(wgpu::Features::SHADER_F16),
        matrix_units: MatrixUnits::of(adapter).map(|units| units.size),
        timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
        max_binding_bytes: limits.max_storage_buffer_binding_size,
        max_buffer_bytes: limits.max_buffer_size,
    }
}

impl Report {
    fn print(&self, out: &mut impl Write, batch: usize) -> Result<()> {
        if self.adapters.is_empty() {
            writeln!(out, "adapters: none (install a Vulkan, Metal or DX12 driver)")?;
        }
        for (i, adapter) in self.adapters.iter().enumerate() {
            adapter.print(out, i)?;
        }
        self.model.print(out)?;
        let MemoryPlan { weights_bytes, cache_bytes, activations_bytes } = self.memory;
        writeln!(out, "\nmemory plan at batch {batch}")?;
        let rows = [
            ("weights", weights_bytes),
            ("keys and values", cache_bytes),
            ("activations", activations_bytes),
            ("all", self.memory.total_bytes()),
        ];
        for (what, count) in rows {
            writeln!(out, "  {what:<18}{count:>14} bytes {:>14}", bytes(count))?;
        }
        if self.model.spec.has_simplex() {
            let words = "keys and values are those of one pass: every step computes all anew";
            writeln!(out, "  {words}")?;
        }
        Ok(())
    }
}

impl Adapter {
    fn print(&self, out: &mut impl Write, index: usize) -> Result<()> {
        let Adapter { name, kind, backend, driver, kernels, .. } = self;
        let yes = |on: bool| if on { "yes" } else { "no" };
        let mut kernels = kernels.to_string();
        if self.tuned {
            kernels += " (chosen by bdlm tune)";
        }
        let [least, most] = self.subgroup_sizes;
        writeln!(out, "adapter {index}: {name}")?;
        writeln!(out, "  {:<18}{kind}, {backend}, {driver}", "kind")?;
        writeln!(out, "  {:<18}{kernels}", "kernels")?;
        writeln!(out, "  {:<18}{}, sizes {least} to {most}", "subgroups", yes(self.subgroups))?;
        writeln!(out, "  {:<18}{}", "f16 arithmetic", yes(self.shader_f16))?;
        let units =
            self.matrix_units.map_or("no".into(), |size| format!("{size} x {size} x {size}"));
        writeln!(out, "  {:<18}{units}", "matrix units")?;
        writeln!(out, "  {:<18}{}", "timestamps", yes(self.timestamps))?;
        writeln!(out, "  {:<18}{}", "largest binding", bytes(self.max_binding_bytes))?;
        writeln!(out, "  {:<18}{}", "largest buffer", bytes(self.max_buffer_bytes))?;
        Ok(())
    }
}

impl Model {
    fn print(&self, out: &mut impl Write) -> Result<()> {
        let c = &self.spec;
        let millions = self.parameters as f64 / 1e6;
        writeln!(out, "\nmodel: {}", self.name)?;
        writeln!(out, "  {:<18}{}", "family", self.family)?;
        writeln!(out, "  {:<18}{millions:.1} million", "parameters")?;
        writeln!(out, "  {:<18}{}", "layers", c.n_layers)?;
        writeln!(
            out,
            "  {:<18}{}, {} heads of {}",
            "channels", c.channels, c.n_heads, c.head_width
        )?;
        let mask = c.mask_id.map(|id| format!(", the mask token is {id}")).unwrap_or_default();
        let tokenless = match self.tokenless_ids {
            None | Some(0) => String::new(),
            Some(n) => format!(", {n} without a token"),
        };
        writeln!(out, "  {:<18}{}{mask}{tokenless}", "vocabulary", c.vocab_size)?;
        if let Some(size) = c.block_size() {
            writeln!(out, "  {:<18}{size} tokens", "block")?;
        }
        writeln!(out, "  {:<18}{} tokens", "window", c.window)?;
        let tokenizer = match (self.tokenizer, c.needs_tokenizer()) {
            (true, _) => "in the checkpoint",
            (false, true) => "none (GPT-2's will be used)",
            (false, false) => "none (ids can be given and read)",
        };
        writeln!(out, "  {:<18}{tokenizer}", "tokenizer")?;
        Ok(())
    }
}
