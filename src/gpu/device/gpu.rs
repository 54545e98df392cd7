//! A device with its queue: the one that was requested, or that of a host program.

use std::sync::{Arc, Mutex};

use crate::gpu::device::compiled::Compiled;
use crate::gpu::device::family::KernelFamily;
use crate::gpu::device::limits::{MaxBytes, Memory};
use crate::gpu::device::options::GpuOptions;
use crate::gpu::device::traits::Traits;
use crate::gpu::device::tuning::Tuning;
use crate::gpu::device::units::MatrixUnits;
use crate::{Error, Result};

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
    max_bytes: MaxBytes,
    max_submit_steps: usize,
    failure: Failure,
    compiled: Compiled,
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gpu").field("adapter", &self.inner.info.name).finish_non_exhaustive()
    }
}

impl Gpu {
    /// Adopts the device of a host program; its error and device-lost callbacks stay untouched.
    ///
    /// # Errors
    /// [`Error::NoDevice`] when `options` ask for kernels this device cannot run, [`Error::Request`]
    /// for a tuning that is out of range.
    pub fn adopt(device: wgpu::Device, queue: wgpu::Queue, options: &GpuOptions) -> Result<Gpu> {
        let traits = Traits::of_device(&device);
        let tuning = traits.choose(options)?;
        Ok(Gpu::assemble((device, queue), options, traits, tuning, Failure::default()))
    }

    /// A device with its traits, the tuning chosen for it, and the place of its first failure.
    pub(super) fn assemble(
        (device, queue): (wgpu::Device, wgpu::Queue),
        options: &GpuOptions,
        Traits { info, limits, units, .. }: Traits,
        tuning: Tuning,
        failure: Failure,
    ) -> Gpu {
        let compiled = Compiled::new(&device, options.cache.as_deref());
        let inner = Inner {
            device,
            queue,
            info,
            tuning,
            units,
            checked_shaders: options.checked_shaders,
            max_bytes: MaxBytes::new(&limits, options.max_binding_bytes),
            max_submit_steps: options.max_submit_steps.unwrap_or(usize::MAX >> 1).max(1),
            failure,
            compiled,
        };
        Gpu { inner: Arc::new(inner) }
    }

    /// The wgpu device.
    pub fn device(&self) -> &wgpu::Device {
        &self.inner.device
    }

    /// The wgpu queue.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.inner.queue
    }

    /// The adapter, as its driver describes it.
    pub fn info(&self) -> &wgpu::AdapterInfo {
        &self.inner.info
    }

    /// The kernels in use.
    pub fn kernels(&self) -> KernelFamily {
        self.inner.tuning.kernels
    }

    /// The tuning in use.
    pub fn tuning(&self) -> Tuning {
        self.inner.tuning
    }

    /// Fewest lanes of a subgroup, by the driver's description.
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
        self.inner.max_bytes.of(memory)
    }

    pub(crate) fn max_submit_steps(&self) -> usize {
        self.inner.max_submit_steps
    }

    pub(crate) fn checked_shaders(&self) -> bool {
        self.inner.checked_shaders
    }

    pub(crate) fn compiled(&self) -> &Compiled {
        &self.inner.compiled
    }

    /// The first failure that the device reported, if any.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    pub fn check(&self) -> Result<()> {
        // The driver's callbacks run while the device is polled.
        if let Err(e) = self.inner.device.poll(wgpu::PollType::Poll) {
            self.inner.failure.keep(e.to_string());
        }
        self.inner.failure.first()
    }
}

/// The first failure that a device reported.
#[derive(Clone, Default)]
pub(super) struct Failure(Arc<Mutex<Option<String>>>);

impl Failure {
    pub(super) fn keep(&self, words: String) {
        if let Ok(mut first) = self.0.lock() {
            first.get_or_insert(words);
        }
    }

    fn first(&self) -> Result<()> {
        match self.0.lock() {
            Ok(first) => match first.as_ref() {
                Some(words) => Err(Error::DeviceLost(words.clone())),
                None => Ok(()),
            },
            Err(_) => Err(Error::internal("the callback of a device panicked")),
        }
    }
}
