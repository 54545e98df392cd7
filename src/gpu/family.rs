//! Families of kernels, and which of them a device can run and is believed to run best.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::gpu::texels::TEXTURE_WIDTH;
use crate::gpu::units::MatrixUnits;
use crate::gpu::{GpuOptions, Tuning};
use crate::{Error, Result};

/// Which implementation of the hot kernels runs; chosen from the adapter, or forced for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KernelFamily {
    /// Outer products across a subgroup of 8 or 16 lanes: software adapters (lavapipe, which has 16
    /// where `LP_NATIVE_VECTOR_WIDTH` is 512).
    Outer,
    /// Workgroup memory, no subgroups: real GPUs.
    Workgroup,
    /// As workgroup, and matrix units for products of many rows with f16 or q8 weights, whose
    /// activations they round to f16: a text may depend on the batch.
    Cooperative,
    /// Registers only, neither subgroups nor workgroup memory: any other software adapter.
    Plain,
}

impl KernelFamily {
    /// True for the families that use workgroup memory.
    pub fn is_for_gpus(self) -> bool {
        matches!(self, KernelFamily::Workgroup | KernelFamily::Cooperative)
    }
}

impl fmt::Display for KernelFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KernelFamily::Outer => "outer",
            KernelFamily::Workgroup => "workgroup",
            KernelFamily::Cooperative => "cooperative",
            KernelFamily::Plain => "plain",
        })
    }
}

/// What kernels are chosen by: of an adapter, or of a device.
pub(crate) struct Traits {
    pub(crate) info: wgpu::AdapterInfo,
    pub(crate) features: wgpu::Features,
    pub(crate) limits: wgpu::Limits,
    /// None on the devices of host programs.
    pub(crate) units: Option<MatrixUnits>,
}

impl Traits {
    pub(crate) fn of_adapter(adapter: &wgpu::Adapter) -> Traits {
        let (info, units) = (adapter.get_info(), MatrixUnits::of(adapter));
        Traits { info, features: adapter.features(), limits: adapter.limits(), units }
    }

    pub(crate) fn of_device(device: &wgpu::Device) -> Traits {
        let (info, units) = (device.adapter_info(), None);
        Traits { info, features: device.features(), limits: device.limits(), units }
    }

    /// What to compute with.
    ///
    /// # Errors
    /// [`Error::NoDevice`] if what is asked for cannot run, [`Error::Request`] if it makes no sense.
    pub(crate) fn choose(&self, options: &GpuOptions) -> Result<Tuning> {
        let tuning = self.tuning(options);
        if let Some(faults) = tuning.faults() {
            return Err(Error::request(faults));
        }
        match self.lacks(tuning.kernels) {
            None => Ok(tuning),
            Some(cause) => {
                let (adapter, cause) = (self.info.name.clone(), cause.into());
                Err(Error::NoDevice { adapter, cause })
            }
        }
    }

    /// What a folder keeps for the adapter, if it can run.
    pub(crate) fn kept(&self, folder: &Path) -> Option<Tuning> {
        Tuning::kept(folder, &self.info).filter(|kept| self.lacks(kept.kernels).is_none())
    }

    /// What is asked for, else what was kept for the adapter, else what rules say of it.
    fn tuning(&self, options: &GpuOptions) -> Tuning {
        let kept = || self.kept(options.cache.as_deref()?);
        let measured = options.tuning.or_else(kept);
        match (options.kernels, measured) {
            (Some(kernels), Some(tuning)) if tuning.kernels == kernels => tuning,
            (Some(kernels), _) => Tuning::of(kernels),
            (None, Some(tuning)) => tuning,
            (None, None) => Tuning::of(self.suited()),
        }
    }

    /// The kernels that rules say suit it.
    pub(crate) fn suited(&self) -> KernelFamily {
        let is_software = self.info.device_type == wgpu::DeviceType::Cpu;
        match (is_software, self.lacks(KernelFamily::Outer)) {
            (true, None) => KernelFamily::Outer,
            (true, Some(_)) => KernelFamily::Plain,
            (false, _) => KernelFamily::Workgroup,
        }
    }

    /// Why kernels cannot run, if they cannot.
    fn lacks(&self, kernels: KernelFamily) -> Option<&'static str> {
        /// Of attention; no kernel that is needed has more.
        const STORAGE_TEXTURES: u32 = 4;
        let Traits { info, features, limits, units } = self;
        let lanes = (info.subgroup_min_size, info.subgroup_max_size);
        let subgroups =
            features.contains(wgpu::Features::SUBGROUP) && matches!(lanes, (8, 8) | (16, 16));
        let texels = limits.max_texture_dimension_2d >= TEXTURE_WIDTH
            && limits.max_storage_textures_per_shader_stage >= STORAGE_TEXTURES;
        match kernels {
            KernelFamily::Outer if !(subgroups && texels) => Some(
                "the outer-product kernels need subgroups of 8 or of 16 lanes, and storage \
                 textures 4096 wide",
            ),
            KernelFamily::Cooperative if units.is_none() => Some(
                "the cooperative kernels need matrix units of side 16 or 8, f16 summed in f32, \
                 subgroups of one size, and a device that bdlm requested",
            ),
            _ => None,
        }
    }
}

/// Whether the processor has vectors of 512 bits. Mesa's software adapter computes with them if, before
/// it is asked for adapters, `LP_NATIVE_VECTOR_WIDTH` is 512, and `MESA_SHADER_CACHE_DIR` a folder of
/// its own: its cache takes what was compiled for 256 bits for the same. Not for programs that draw,
/// which it then crashes.
pub fn has_512_bits() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512dq")
        && std::arch::is_x86_feature_detected!("avx512vl");
    #[cfg(not(target_arch = "x86_64"))]
    false
}
