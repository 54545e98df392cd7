//! Where to compute, and how weights are held there, as arguments.

use anyhow::Result;
use bdlm::gpu::{DType, Gpu, GpuOptions, KernelFamily};
use bdlm::measure::{Trusted, Verdict, trusted, trusted_for_draws};
use bdlm::model::Formats;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::cli::print::{driver, note};
use crate::cli::process::user_cache;

/// How matrices are held on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Weights {
    /// Half precision: half the memory, faster.
    F16,
    /// As in the checkpoint.
    F32,
    /// Eight bits, one scale for 64 weights: a quarter of f32's memory, slightly less exact.
    Q8,
    /// Four bits, a scale and an offset for 32 weights, and eight bits for the embedding and the head: an eighth of
    /// f32's memory, less exact.
    Q4,
}

impl From<Weights> for DType {
    fn from(weights: Weights) -> DType {
        match weights {
            Weights::F16 => DType::F16,
            Weights::F32 => DType::F32,
            Weights::Q8 => DType::Q8,
            Weights::Q4 => DType::Q4,
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

/// Where to compute.
#[derive(Args)]
pub struct AdapterArgs {
    /// Adapter, by index or part of its name (see `bdlm info`)
    #[arg(long, env = "BDLM_ADAPTER", value_name = "NAME|INDEX", help_heading = "Device")]
    pub adapter: Option<String>,
    /// Kernels to use instead of the adapter's default or the choice of `bdlm tune`
    #[arg(long, env = "BDLM_KERNELS", value_enum, help_heading = "Device")]
    pub kernels: Option<Kernels>,
}

/// Where to compute, and how weights are held there.
#[derive(Args)]
pub struct DeviceArgs {
    #[command(flatten)]
    adapter: AdapterArgs,
    #[command(flatten)]
    pub weights: WeightArgs,
}

/// How weights are held on the device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Args)]
pub struct WeightArgs {
    /// How weights are held on the device [default: as a checkpoint in integers holds them, else f16]
    #[arg(long, value_enum, help_heading = "Device")]
    weights: Option<Weights>,
    /// How the embedding and the head are held [default: as the other weights, q8 beside q4]
    #[arg(long, value_enum, value_name = "WEIGHTS", help_heading = "Device")]
    #[serde(skip_serializing_if = "Option::is_none", default)]
    table_weights: Option<Weights>,
}

impl WeightArgs {
    /// The formats for a model with this `config.json`.
    pub fn formats(self, config: &[u8]) -> Formats {
        let own = || Formats::of_config(config).unwrap_or(Formats::from(DType::F16));
        let formats = self.weights.map_or_else(own, |w| Formats::from(DType::from(w)));
        Formats { tables: self.table_weights.map_or(formats.tables, DType::from), ..formats }
    }

    /// The same, exact unless others are asked for: for comparing with other implementations.
    pub fn or_exact(self) -> WeightArgs {
        WeightArgs { weights: self.weights.or(Some(Weights::F32)), ..self }
    }

    /// The formats for a model that is made here.
    pub fn of_nothing(self) -> Formats {
        self.formats(b"{}")
    }
}

impl AdapterArgs {
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
            cache: user_cache(),
            ..GpuOptions::default()
        }
    }

    /// Requests the device; says so if it is the CPU.
    pub fn request(&self) -> Result<Gpu> {
        Ok(self.noted(pollster::block_on(trusted(&self.options()))?))
    }

    /// The device, after a note of what the user should know of it.
    fn noted(&self, Trusted { gpu, mistrusted }: Trusted) -> Gpu {
        if let Some(Verdict { kernels, wrong, .. }) = mistrusted {
            let (name, driver) = (&gpu.info().name, driver(gpu.info()));
            note(&format!(
                "on {name} ({driver}) the {kernels} kernels compute wrong results ({}): using the \
                 plain ones, which are slower; see `bdlm info --self-test`",
                wrong.join(", ")
            ));
        }
        if gpu.is_software() && self.adapter.is_none() {
            let name = &gpu.info().name;
            note(&format!("no GPU found: computing on the CPU with {name}"));
        }
        gpu
    }
}

impl DeviceArgs {
    /// What the arguments ask for.
    pub fn options(&self) -> GpuOptions {
        self.adapter.options()
    }

    /// Requests the device; says so if it is the CPU.
    pub fn request(&self) -> Result<Gpu> {
        self.adapter.request()
    }

    /// The same for an estimate: one by random draws may use matrix units, an exact one keeps f32.
    pub fn request_for_estimate(&self, is_exact: bool) -> Result<Gpu> {
        if is_exact {
            return self.request();
        }
        Ok(self.adapter.noted(pollster::block_on(trusted_for_draws(&self.options()))?))
    }
}
