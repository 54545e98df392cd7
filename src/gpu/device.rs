//! A device to compute on: requested here, or adopted from a host program.
//! The only file that asks wgpu for adapters and devices. Knows nothing of models.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::gpu::family::{KernelFamily, Traits};
use crate::gpu::pipelines::Pipelines;
use crate::gpu::tensor::Memory;
use crate::gpu::texels::LINE_BYTES;
use crate::gpu::tuning::Tuning;
use crate::gpu::units::{self, MatrixUnits};
use crate::{Error, Result};

/// How to request a device.
#[derive(Clone, Debug, Default)]
pub struct GpuOptions {
    /// Adapter by index or by part of its name; the most capable one if absent.
    pub adapter: Option<String>,
    /// Kernels to use instead of those that were kept for the adapter, or suit it.
    pub kernels: Option<KernelFamily>,
    /// Choices to use instead of those that were kept for the adapter, unless other kernels are asked
    /// for.
    pub tuning: Option<Tuning>,
    /// Keep the bounds checks in shaders (slower; tests use it).
    pub checked_shaders: bool,
    /// Bind no more than this at once, though the adapter could: weights are cut accordingly.
    pub max_binding_bytes: Option<u64>,
    /// Take no more denoising steps in one submit than this, though the device could.
    pub max_submit_steps: Option<usize>,
    /// Folder in which what the driver compiled is kept for the next start, and where
    /// [`Tuning::kept`] looks; nothing is kept if absent.
    pub cache: Option<PathBuf>,
}

impl GpuOptions {
    /// The folder that bdlm's own programs give as [`GpuOptions::cache`]: the one that is asked for,
    /// or `bdlm` in the user's cache folder; none if an empty name is asked for.
    pub fn user_cache(asked: Option<OsString>) -> Option<PathBuf> {
        match asked {
            Some(folder) if folder.is_empty() => None,
            Some(folder) => Some(folder.into()),
            None => dirs::cache_dir().map(|folder| folder.join("bdlm")),
        }
    }
}

/// A device, its queue and what is known of its adapter. Cheap to clone.
#[derive(Clone)]
pub struct Gpu {
    inner: Arc<Inner>,
}

struct Inner {
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    tuning: Tuning,
    units: Option<MatrixUnits>,
    checked_shaders: bool,
    max_binding_bytes: u64,
    max_submit_steps: usize,
    max_texels_bytes: u64,
    failure: Arc<Mutex<Option<String>>>,
    pipelines: Pipelines,
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gpu").field("adapter", &self.inner.info.name).finish_non_exhaustive()
    }
}

impl Gpu {
    /// Requests a device, blocking until the driver answers.
    ///
    /// # Errors
    /// [`Error::NoAdapter`], [`Error::UnknownAdapter`] or [`Error::NoDevice`]; [`Error::Request`] for
    /// a tuning that makes no sense.
    pub fn request(options: &GpuOptions) -> Result<Gpu> {
        pollster::block_on(Gpu::request_async(options))
    }

    /// Requests a device.
    ///
    /// # Errors
    /// As [`Gpu::request`].
    pub async fn request_async(options: &GpuOptions) -> Result<Gpu> {
        let adapter = choose(list_adapters().await, options.adapter.as_deref())?;
        let traits = Traits::of_adapter(&adapter);
        let tuning = traits.choose(options)?;
        let gpu = Gpu::open(&adapter, options, tuning).await;
        let is_asked_for = options.kernels.is_some() || options.tuning.is_some();
        let suited = Tuning::of(traits.suited());
        match gpu {
            // What was kept by another version, or for matrix units that compute wrongly by now.
            Err(_) if !is_asked_for && tuning.kernels != suited.kernels => {
                Gpu::open(&adapter, options, suited).await
            }
            gpu => gpu,
        }
    }

    async fn open(adapter: &wgpu::Adapter, options: &GpuOptions, tuning: Tuning) -> Result<Gpu> {
        let mut traits = Traits::of_adapter(adapter);
        traits.units = traits.units.filter(|_| tuning.kernels == KernelFamily::Cooperative);
        let mut wanted = wgpu::Features::SUBGROUP | wgpu::Features::TIMESTAMP_QUERY;
        if options.cache.is_some() {
            wanted |= wgpu::Features::PIPELINE_CACHE;
        }
        let mut experimental_features = wgpu::ExperimentalFeatures::disabled();
        if traits.units.is_some() {
            wanted |= units::FEATURES;
            // SAFETY: what is promised is to report faults; what the units compute is checked below.
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
            Error::NoDevice { adapter: traits.info.name.clone(), cause: e.to_string() }
        })?;
        let failure: Arc<Mutex<Option<String>>> = Arc::default();
        // Without handlers wgpu panics; the first failure is kept and told at the next readback.
        let uncaptured = failure.clone();
        device.on_uncaptured_error(Arc::new(move |e| remember(&uncaptured, e.to_string())));
        let lost = failure.clone();
        device.set_device_lost_callback(move |_, words| remember(&lost, words));
        let gpu = Gpu::assemble((device, queue), options, traits, tuning, failure);
        if gpu.units().is_some() {
            units::check(&gpu).await?;
        }
        Ok(gpu)
    }

    /// Adopts the device of a host program; its error and device-lost callbacks stay untouched.
    ///
    /// # Errors
    /// [`Error::NoDevice`] when `options` ask for kernels this device cannot run, [`Error::Request`]
    /// for a tuning that makes no sense.
    pub fn adopt(device: wgpu::Device, queue: wgpu::Queue, options: &GpuOptions) -> Result<Gpu> {
        let traits = Traits::of_device(&device);
        let tuning = traits.choose(options)?;
        Ok(Gpu::assemble((device, queue), options, traits, tuning, Arc::default()))
    }

    fn assemble(
        (device, queue): (wgpu::Device, wgpu::Queue),
        options: &GpuOptions,
        Traits { info, limits, units, .. }: Traits,
        tuning: Tuning,
        failure: Arc<Mutex<Option<String>>>,
    ) -> Gpu {
        let adapter_limit = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        let texels_limit = u64::from(limits.max_texture_dimension_2d) * LINE_BYTES;
        let wanted = options.max_binding_bytes.unwrap_or(adapter_limit.max(texels_limit));
        let pipelines = Pipelines::new(&device, options.cache.as_deref());
        let inner = Inner {
            device,
            queue,
            info,
            tuning,
            units,
            checked_shaders: options.checked_shaders,
            max_binding_bytes: wanted.min(adapter_limit),
            max_submit_steps: options.max_submit_steps.unwrap_or(usize::MAX >> 1).max(1),
            max_texels_bytes: wanted.min(texels_limit).next_multiple_of(LINE_BYTES),
            failure,
            pipelines,
        };
        Gpu { inner: Arc::new(inner) }
    }

    /// The adapters of this machine, in the order that `--adapter INDEX` counts.
    pub fn adapters() -> Vec<wgpu::Adapter> {
        pollster::block_on(list_adapters())
    }

    /// The wgpu device.
    pub fn device(&self) -> &wgpu::Device {
        &self.inner.device
    }

    /// The wgpu queue.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.inner.queue
    }

    /// What the driver says of the adapter.
    pub fn info(&self) -> &wgpu::AdapterInfo {
        &self.inner.info
    }

    /// The kernels in use.
    pub fn kernels(&self) -> KernelFamily {
        self.inner.tuning.kernels
    }

    /// What was chosen for the adapter.
    pub fn tuning(&self) -> Tuning {
        self.inner.tuning
    }

    /// Fewest lanes of a subgroup, as the driver says.
    pub(crate) fn subgroup_lanes(&self) -> usize {
        self.inner.info.subgroup_min_size as usize
    }

    /// The matrix units in use.
    pub fn units(&self) -> Option<MatrixUnits> {
        self.inner.units
    }

    /// True for adapters that compute on the CPU.
    pub fn is_software(&self) -> bool {
        self.inner.info.device_type == wgpu::DeviceType::Cpu
    }

    /// The largest tensor that can be made and bound whole, in bytes.
    pub fn max_bytes(&self, memory: Memory) -> u64 {
        match memory {
            Memory::Buffer => self.inner.max_binding_bytes,
            Memory::Texels => self.inner.max_texels_bytes,
        }
    }

    pub(crate) fn max_submit_steps(&self) -> usize {
        self.inner.max_submit_steps
    }

    pub(crate) fn checked_shaders(&self) -> bool {
        self.inner.checked_shaders
    }

    pub(crate) fn pipelines(&self) -> &Pipelines {
        &self.inner.pipelines
    }

    /// The first failure that the device reported, if any.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    pub fn check(&self) -> Result<()> {
        // The driver's callbacks run while the device is polled.
        if let Err(e) = self.inner.device.poll(wgpu::PollType::Poll) {
            remember(&self.inner.failure, e.to_string());
        }
        match self.inner.failure.lock() {
            Ok(failure) => match failure.as_ref() {
                Some(words) => Err(Error::DeviceLost(words.clone())),
                None => Ok(()),
            },
            Err(_) => Err(Error::internal("a callback of the device panicked")),
        }
    }
}

fn remember(failure: &Mutex<Option<String>>, words: String) {
    if let Ok(mut failure) = failure.lock() {
        failure.get_or_insert(words);
    }
}

async fn list_adapters() -> Vec<wgpu::Adapter> {
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
