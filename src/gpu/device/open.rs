//! Adapters, and devices requested from them. The only file that asks wgpu for either.

use std::sync::Arc;

use crate::gpu::device::family::KernelFamily;
use crate::gpu::device::gpu::{Failure, Gpu};
use crate::gpu::device::options::GpuOptions;
use crate::gpu::device::traits::Traits;
use crate::gpu::device::tuning::Tuning;
use crate::gpu::device::units;
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::wait::block_on;
use crate::{Error, Result};

impl Gpu {
    /// The adapters of this machine, in the order of [`GpuOptions::adapter`]'s indices.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn adapters() -> Vec<wgpu::Adapter> {
        block_on(list())
    }
}

/// The adapter that was chosen, and the tuning for it.
pub(crate) struct Chosen {
    adapter: wgpu::Adapter,
    tuning: Tuning,
}

impl Chosen {
    /// The adapter and the tuning that the options ask for.
    ///
    /// # Errors
    /// [`Error::NoAdapter`], [`Error::UnknownAdapter`]; [`Error::NoDevice`] for kernels that it
    /// cannot run, [`Error::Request`] for a tuning that is out of range.
    pub(crate) async fn by(options: &GpuOptions) -> Result<Chosen> {
        let adapter = choose(list().await, options.adapter.as_deref())?;
        let tuning = Traits::of_adapter(&adapter).choose(options)?;
        Ok(Chosen { adapter, tuning })
    }

    /// The same adapter with the kernels that suit it by the rules, if it has others by a kept choice.
    pub(crate) fn without_kept(&self, options: &GpuOptions) -> Option<Chosen> {
        let is_asked_for = options.kernels.is_some() || options.tuning.is_some();
        let suited = Tuning::of(Traits::of_adapter(&self.adapter).suited());
        let differs = !is_asked_for && self.tuning.kernels != suited.kernels;
        differs.then(|| Chosen { adapter: self.adapter.clone(), tuning: suited })
    }

    /// Requests the device. Whether its matrix units compute correctly is not known yet.
    ///
    /// # Errors
    /// [`Error::NoDevice`].
    pub(crate) async fn open(&self, options: &GpuOptions) -> Result<Gpu> {
        let Chosen { adapter, tuning } = self;
        let mut traits = Traits::of_adapter(adapter);
        traits.units = traits.units.filter(|_| tuning.kernels == KernelFamily::Cooperative);
        let mut wanted = wgpu::Features::SUBGROUP | wgpu::Features::TIMESTAMP_QUERY;
        if options.cache.is_some() {
            wanted |= wgpu::Features::PIPELINE_CACHE;
        }
        let mut experimental_features = wgpu::ExperimentalFeatures::disabled();
        if traits.units.is_some() {
            wanted |= units::FEATURES;
            // SAFETY: the promise is to report faults; `gpu/request.rs` checks what the units compute.
            #[allow(unsafe_code, reason = "wgpu asks for it where a feature is young")]
            unsafe {
                experimental_features = wgpu::ExperimentalFeatures::enabled();
            }
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("bdlm"),
            required_features: traits.features & wanted,
            required_limits: traits.limits.clone(),
            experimental_features,
            ..Default::default()
        };
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(|e| {
            Error::NoDevice { adapter: traits.info.name.clone(), cause: e.to_string().into() }
        })?;
        // Without handlers wgpu panics; the first failure is kept and reported at the next readback.
        let failure = Failure::default();
        let uncaptured = failure.clone();
        device.on_uncaptured_error(Arc::new(move |e| uncaptured.keep(e.to_string())));
        let lost = failure.clone();
        device.set_device_lost_callback(move |_, words| lost.keep(words));
        Ok(Gpu::assemble((device, queue), options, traits, *tuning, failure))
    }
}

/// The adapters of this machine, the most capable kind first.
async fn list() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let mut adapters = instance.enumerate_adapters(wgpu::Backends::PRIMARY).await;
    adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    adapters
}

fn choose(adapters: Vec<wgpu::Adapter>, wanted: Option<&str>) -> Result<wgpu::Adapter> {
    let names: Vec<String> = adapters.iter().map(|a| a.get_info().name).collect();
    let index = match wanted {
        None => (!adapters.is_empty()).then_some(0).ok_or(Error::NoAdapter)?,
        Some(_) if adapters.is_empty() => return Err(Error::NoAdapter),
        Some(wanted) => index_of(&names, wanted).ok_or_else(|| {
            let found = names.iter().enumerate().map(|(i, name)| format!("{i}: {name}"));
            let found = found.collect::<Vec<_>>().join(", ");
            Error::UnknownAdapter { wanted: wanted.into(), found }
        })?,
    };
    adapters.into_iter().nth(index).ok_or(Error::NoAdapter)
}

fn index_of(names: &[String], wanted: &str) -> Option<usize> {
    if let Ok(index) = wanted.parse::<usize>() {
        return (index < names.len()).then_some(index);
    }
    let wanted = wanted.to_lowercase();
    names.iter().position(|name| name.to_lowercase().contains(&wanted))
}

#[cfg(test)]
mod tests {
    use super::index_of;

    #[test]
    fn an_adapter_is_found_by_index_or_by_part_of_its_name() {
        let names = ["NVIDIA H100".to_string(), "llvmpipe (LLVM 15)".to_string()];
        assert_eq!(index_of(&names, "1"), Some(1));
        assert_eq!(index_of(&names, "LLVMpipe"), Some(1));
        assert_eq!(index_of(&names, "2"), None);
        assert_eq!(index_of(&names, "radeon"), None);
    }
}
