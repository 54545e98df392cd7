//! What a device can run, and the choice of its kernels: as asked for, as kept, or by rules.

use std::path::Path;

use crate::gpu::device::family::KernelFamily;
use crate::gpu::device::limits::TEXTURE_WIDTH;
use crate::gpu::device::options::GpuOptions;
use crate::gpu::device::tuning::Tuning;
use crate::gpu::device::units::MatrixUnits;
use crate::{Advice, Error, Fault, Result};

/// The traits of an adapter, or of a device, that its kernels are chosen by.
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

    /// The kernels to use.
    ///
    /// # Errors
    /// [`Error::NoDevice`] if what is asked for cannot run, [`Error::Request`] if it is out of range.
    pub(crate) fn choose(&self, options: &GpuOptions) -> Result<Tuning> {
        let tuning = self.tuning(options);
        if let Some(faults) = tuning.faults() {
            return Err(Error::request(faults));
        }
        match self.lacks(tuning.kernels) {
            None => Ok(tuning),
            Some(cause) => {
                let cause = Fault::from(cause).advise(Advice::ChooseKernels);
                let adapter = self.info.name.clone();
                Err(Error::NoDevice { adapter, cause })
            }
        }
    }

    /// The tuning that a folder keeps for the adapter, if the adapter can run it.
    pub(crate) fn kept(&self, folder: &Path) -> Option<Tuning> {
        Tuning::kept(folder, &self.info).filter(|kept| self.lacks(kept.kernels).is_none())
    }

    /// The tuning that is asked for, else the one kept for the adapter, else that of the rules.
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

    /// The kernels that suit it by the rules.
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
        /// Storage textures that attention binds, the most of any required kernel.
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

impl Tuning {
    /// The tuning that suits an adapter by the rules, and the one that a folder keeps, which is used
    /// instead.
    pub fn for_adapter(adapter: &wgpu::Adapter, folder: Option<&Path>) -> (Tuning, Option<Tuning>) {
        let traits = Traits::of_adapter(adapter);
        (Tuning::of(traits.suited()), folder.and_then(|folder| traits.kept(folder)))
    }
}
