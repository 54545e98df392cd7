//! Times kernels with GPU timestamps. Two timestamps per dispatch, summed per kernel.

use crate::gpu::device::Gpu;
use crate::{Advice, Error, Fault, Result};

/// Most dispatches of a profile; later ones are not timed.
const MAX_DISPATCHES: u32 = 2048;

/// Collects timestamps while plans are encoded.
pub struct Profiler {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    kernels: Vec<&'static str>,
}

/// Time spent in one kernel.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct KernelTime {
    /// The kernel's name.
    pub kernel: &'static str,
    /// Number of dispatches.
    pub dispatches: usize,
    /// Its total time, in milliseconds.
    pub ms: f64,
}

impl Profiler {
    /// A profiler for this device.
    ///
    /// # Errors
    /// [`Error::Request`] if the adapter has no timestamps.
    pub fn new(gpu: &Gpu) -> Result<Profiler> {
        if !gpu.device().features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            let adapter = &gpu.info().name;
            let fault = Fault::from(format!("adapter `{adapter}` has no timestamps"));
            return Err(Error::Request(fault.advise(Advice::DoNotProfile)));
        }
        let queries = gpu.device().create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("profiler"),
            ty: wgpu::QueryType::Timestamp,
            count: 2 * MAX_DISPATCHES,
        });
        let resolved = gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("profiler"),
            size: u64::from(2 * MAX_DISPATCHES * wgpu::QUERY_SIZE),
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        Ok(Profiler { queries, resolved, kernels: Vec::new() })
    }

    pub(crate) fn next(
        &mut self,
        kernel: &'static str,
    ) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        let index = self.kernels.len() as u32;
        if index == MAX_DISPATCHES {
            return None;
        }
        self.kernels.push(kernel);
        Some(wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(2 * index),
            end_of_pass_write_index: Some(2 * index + 1),
        })
    }

    /// Encodes the resolution of the timestamps; returns the buffer to read and its bytes in use.
    pub(crate) fn resolve(&self, encoder: &mut wgpu::CommandEncoder) -> (&wgpu::Buffer, u64) {
        let count = 2 * self.kernels.len() as u32;
        encoder.resolve_query_set(&self.queries, 0..count, &self.resolved, 0);
        (&self.resolved, u64::from(count * wgpu::QUERY_SIZE))
    }

    /// Sums the timestamps per kernel, slowest first, and starts afresh.
    pub(crate) fn take(&mut self, ticks: &[u64], ns_per_tick: f64) -> Vec<KernelTime> {
        let mut times: Vec<KernelTime> = Vec::new();
        for (kernel, tick) in self.kernels.drain(..).zip(ticks.chunks_exact(2)) {
            let ms = tick[1].saturating_sub(tick[0]) as f64 * ns_per_tick * 1e-6;
            match times.iter_mut().find(|time| time.kernel == kernel) {
                Some(time) => {
                    time.dispatches += 1;
                    time.ms += ms;
                }
                None => times.push(KernelTime { kernel, dispatches: 1, ms }),
            }
        }
        times.sort_by(|a, b| b.ms.total_cmp(&a.ms));
        times
    }
}
