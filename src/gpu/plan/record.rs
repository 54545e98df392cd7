//! The recorder, which ops add their dispatches to. Knows no kernel by name.

use crate::gpu::device::Gpu;
use crate::gpu::memory::{Override, Tensor};
use crate::gpu::plan::pipelines;
use crate::gpu::plan::recorded::Recorded;
use crate::gpu::plan::replay::Plan;
use crate::gpu::plan::source::KernelSource;
use crate::{Error, Result};

/// Records a [`Plan`]; the methods of its kernels are in `ops`.
pub struct Recorder<'g> {
    gpu: &'g Gpu,
    recorded: Vec<Recorded>,
}

impl<'g> Recorder<'g> {
    /// An empty plan for this device.
    pub fn new(gpu: &'g Gpu) -> Recorder<'g> {
        Recorder { gpu, recorded: Vec::new() }
    }

    /// The device that the plan will run on.
    pub fn gpu(&self) -> &'g Gpu {
        self.gpu
    }

    /// Ends the recording: compiles the pipelines that the device does not have yet, and binds the
    /// tensors. In a browser nothing is waited for: a pipeline that does not build is reported later
    /// to the device's error handler, which [`Gpu::check`] asks for a device that was requested; on an
    /// adopted device it is the host program's.
    ///
    /// # Errors
    /// [`Error::Kernel`] if a shader does not build or does not fit its bindings,
    /// [`Error::DeviceLost`].
    pub fn finish(self) -> Result<Plan> {
        pipelines::compile_missing(self.gpu, &self.recorded)?;
        Plan::bind(self.gpu, &self.recorded)
    }

    /// As [`Recorder::finish`], awaiting the outcome in a browser too; on a computer slower, since
    /// pipelines are compiled one after the other.
    ///
    /// # Errors
    /// As [`Recorder::finish`].
    pub async fn finish_async(self) -> Result<Plan> {
        pipelines::compile_missing_async(self.gpu, &self.recorded).await?;
        Plan::bind_async(self.gpu, &self.recorded).await
    }

    /// Records one dispatch. Bindings run 0..n in the shader's declaration order.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if there are more workgroups than a dispatch can have.
    pub(crate) fn dispatch(
        &mut self,
        source: &'static KernelSource,
        overrides: &[Override],
        bindings: &[&Tensor],
        workgroups: [usize; 3],
    ) -> Result<()> {
        let limit = self.gpu.device().limits().max_compute_workgroups_per_dimension;
        let most = workgroups.into_iter().max().unwrap_or(0);
        if most > limit as usize {
            let what = format!("a dispatch of kernel `{}`", source.name);
            let (got, limit) = (most as u64, u64::from(limit));
            return Err(Error::TooLarge { what, got, unit: "workgroups", limit });
        }
        self.recorded.push(Recorded {
            source,
            overrides: overrides.to_vec(),
            bindings: bindings.iter().map(|&tensor| tensor.clone()).collect(),
            workgroups: workgroups.map(|count| count as u32),
        });
        Ok(())
    }
}
