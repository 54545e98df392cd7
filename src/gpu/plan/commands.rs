//! One submit: plans and copies encoded in order, then sent and, if wanted, waited for.

use crate::gpu::device::Gpu;
use crate::gpu::memory::{Readback, Tensor};
use crate::gpu::plan::profile::{KernelTime, Profiler};
use crate::gpu::plan::replay::Plan;
use crate::gpu::wait::mapped;
use crate::{Error, Result};

/// Commands of one submit.
pub struct Commands {
    gpu: Gpu,
    sealed: Vec<wgpu::CommandBuffer>,
    encoder: wgpu::CommandEncoder,
}

impl Commands {
    /// An empty submit.
    pub fn new(gpu: &Gpu) -> Commands {
        let encoder = gpu.device().create_command_encoder(&Default::default());
        Commands { gpu: gpu.clone(), sealed: Vec::new(), encoder }
    }

    /// Appends a plan.
    pub fn run(&mut self, plan: &Plan) {
        plan.encode(&mut self.encoder, None);
    }

    /// Appends a plan, of which no submit has more than `most` dispatches: all but the last are sent.
    pub fn run_in_submits(&mut self, plan: &Plan, most: usize) {
        let most = most.clamp(1, plan.len().max(1));
        for first in (0..plan.len()).step_by(most) {
            if first > 0 {
                self.seal();
                self.gpu.queue().submit(self.sealed.drain(..));
            }
            plan.encode_part(first..(first + most).min(plan.len()), &mut self.encoder);
        }
    }

    /// Appends a plan with a timestamp around each dispatch.
    pub fn run_timed(&mut self, plan: &Plan, profiler: Option<&mut Profiler>) {
        plan.encode(&mut self.encoder, profiler);
    }

    /// Appends a copy of `bytes` from byte `at` of a buffer on to the beginning of a tensor.
    ///
    /// # Errors
    /// [`Error::Shape`] if the first tensor is no buffer, or the second one is in texels and the copy
    /// is longer or does not begin at the first.
    pub fn copy(&mut self, (from, at): (&Tensor, u64), to: &Tensor, bytes: u64) -> Result<()> {
        let (buffer, offset) = from.buffer().ok_or_else(|| from.misfit(to.shape()))?;
        to.encode_fill(&mut self.encoder, (buffer, offset + at), bytes)
    }

    /// Appends a command that sets all numbers of a tensor to zero.
    ///
    /// # Errors
    /// [`Error::Shape`] if it is no buffer.
    pub fn clear(&mut self, tensor: &Tensor) -> Result<()> {
        let (buffer, offset) = tensor.buffer().ok_or_else(|| tensor.misfit(tensor.shape()))?;
        let bytes = tensor.shape().iter().product::<usize>() * tensor.dtype().bytes();
        self.encoder.clear_buffer(buffer, offset, Some(bytes as u64));
        Ok(())
    }

    /// Translates the commands so far for the driver now, which is most of the work, instead of when
    /// they are sent.
    pub fn seal(&mut self) {
        let next = self.gpu.device().create_command_encoder(&Default::default());
        self.sealed.push(std::mem::replace(&mut self.encoder, next).finish());
    }

    /// Sends the commands without waiting.
    pub fn submit(self) {
        let buffers = self.sealed.into_iter().chain([self.encoder.finish()]);
        self.gpu.queue().submit(buffers);
    }

    /// Sends the commands and waits for the first `count` numbers of a tensor.
    ///
    /// # Errors
    /// [`Error::DeviceLost`]; [`Error::Shape`] for a view of texels from the middle of a line.
    pub async fn read<T: bytemuck::Pod>(
        self,
        tensor: &Tensor,
        count: usize,
        staging: &Readback,
    ) -> Result<Vec<T>> {
        let bytes = (count * size_of::<T>()) as u64;
        self.send(tensor, bytes, staging)?.numbers().await
    }

    /// Sends the commands, and a copy of the first `bytes` bytes of a tensor to wait for.
    ///
    /// # Errors
    /// [`Error::Shape`] for a view of texels from the middle of a line.
    pub fn send(mut self, tensor: &Tensor, bytes: u64, staging: &Readback) -> Result<Sent> {
        let copied = tensor.copied_bytes(bytes);
        let larger = (copied > bytes).then(|| Readback::new(&self.gpu, copied));
        let buffer = larger.as_ref().unwrap_or(staging).buffer();
        tensor.encode_copy(&mut self.encoder, (0, bytes), (buffer, 0))?;
        let sent = Sent { gpu: self.gpu.clone(), bytes, buffer: buffer.clone() };
        self.submit();
        Ok(sent)
    }

    /// Sends the commands and waits for the profiler's times.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    pub async fn read_times(mut self, profiler: &mut Profiler) -> Result<Vec<KernelTime>> {
        let (gpu, (resolved, bytes)) = (self.gpu.clone(), profiler.resolve(&mut self.encoder));
        let staging = Readback::new(&gpu, bytes);
        self.encoder.copy_buffer_to_buffer(resolved, 0, staging.buffer(), 0, bytes);
        self.submit();
        let sent = Sent { gpu: gpu.clone(), bytes, buffer: staging.buffer().clone() };
        let ticks = sent.numbers().await?;
        Ok(profiler.take(&ticks, f64::from(gpu.queue().get_timestamp_period())))
    }
}

/// Commands that were sent, and the numbers to read when they are done.
pub struct Sent {
    gpu: Gpu,
    bytes: u64,
    buffer: wgpu::Buffer,
}

impl Sent {
    /// Waits for the numbers.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    pub async fn numbers<T: bytemuck::Pod>(self) -> Result<Vec<T>> {
        self.gpu.check()?;
        let slice = self.buffer.slice(..self.bytes);
        if let Err(e) = mapped(self.gpu.device(), &slice).await {
            return self.gpu.check().and(Err(e));
        }
        let lost = |e: wgpu::MapRangeError| Error::DeviceLost(e.to_string());
        let numbers = bytemuck::pod_collect_to_vec(&slice.get_mapped_range().map_err(lost)?);
        self.buffer.unmap();
        self.gpu.check()?;
        Ok(numbers)
    }
}
