//! Plans: dispatches bound once and replayed. The only file that creates bind groups. Knows no kernel
//! by name.

use std::ops::Range;

use crate::gpu::device::Gpu;
use crate::gpu::memory::{Override, Tensor};
use crate::gpu::plan::pipelines::valid;
use crate::gpu::plan::profile::Profiler;
use crate::gpu::plan::recorded::Recorded;
use crate::gpu::wait::{scoped, scoped_async};
use crate::{Error, Result};

/// What wgpu reports of a bind group that does not fit its shader.
const ERRORS: wgpu::ErrorFilter = wgpu::ErrorFilter::Validation;

#[derive(Debug)]
struct Dispatch {
    kernel: &'static str,
    overrides: Vec<Override>,
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    workgroups: [u32; 3],
}

/// A dispatch of a plan, for who counts what it does.
#[derive(Clone, Copy, Debug)]
pub struct Dispatched<'a> {
    /// The kernel's name.
    pub kernel: &'static str,
    /// The sizes that it was compiled with, by name.
    pub overrides: &'a [(&'static str, f64)],
    /// Its workgroups.
    pub workgroups: [u32; 3],
}

/// A sequence of dispatches, ready to be encoded any number of times without making GPU objects.
#[derive(Debug)]
pub struct Plan {
    dispatches: Vec<Dispatch>,
}

impl Plan {
    /// Binds the tensors of recorded dispatches, whose pipelines are compiled.
    ///
    /// # Errors
    /// [`Error::Kernel`] if a shader does not fit its bindings, [`Error::DeviceLost`].
    pub(super) fn bind(gpu: &Gpu, recorded: &[Recorded]) -> Result<Plan> {
        let bound = |recorded: &Recorded| {
            let bind = Dispatch::binding(gpu, recorded)?;
            valid(gpu, recorded.source.name, scoped(gpu.device(), ERRORS, bind))
        };
        Ok(Plan { dispatches: recorded.iter().map(bound).collect::<Result<_>>()? })
    }

    /// As [`Plan::bind`], in a browser too.
    ///
    /// # Errors
    /// As [`Plan::bind`].
    pub(super) async fn bind_async(gpu: &Gpu, recorded: &[Recorded]) -> Result<Plan> {
        let mut dispatches = Vec::with_capacity(recorded.len());
        for recorded in recorded {
            let bind = Dispatch::binding(gpu, recorded)?;
            let bound = scoped_async(gpu.device(), ERRORS, bind).await;
            dispatches.push(valid(gpu, recorded.source.name, bound)?);
        }
        Ok(Plan { dispatches })
    }

    /// Number of dispatches.
    pub fn len(&self) -> usize {
        self.dispatches.len()
    }

    /// True if the plan does nothing.
    pub fn is_empty(&self) -> bool {
        self.dispatches.is_empty()
    }

    /// Names of the kernels in order.
    pub fn kernels(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.dispatches.iter().map(|dispatch| dispatch.kernel)
    }

    /// The dispatches in order.
    pub fn dispatched(&self) -> impl Iterator<Item = Dispatched<'_>> {
        self.dispatches.iter().map(|dispatch| Dispatched {
            kernel: dispatch.kernel,
            overrides: &dispatch.overrides,
            workgroups: dispatch.workgroups,
        })
    }

    /// Encodes the plan as one compute pass, or as a timed pass per dispatch for a profiler.
    pub(crate) fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        profiler: Option<&mut Profiler>,
    ) {
        let Some(profiler) = profiler else {
            return self.encode_part(0..self.len(), encoder);
        };
        for dispatch in &self.dispatches {
            let timestamp_writes = profiler.next(dispatch.kernel);
            let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
            dispatch.encode(&mut encoder.begin_compute_pass(&descriptor));
        }
    }

    /// Encodes some of the dispatches as one compute pass.
    pub(crate) fn encode_part(&self, part: Range<usize>, encoder: &mut wgpu::CommandEncoder) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        let dispatches = self.dispatches.get(part).unwrap_or_default();
        dispatches.iter().for_each(|dispatch| dispatch.encode(&mut pass));
    }
}

impl Dispatch {
    /// What binds the tensors of a recorded dispatch.
    ///
    /// # Errors
    /// [`Error::Internal`] if its pipeline is not compiled.
    fn binding(gpu: &Gpu, recorded: &Recorded) -> Result<impl FnOnce() -> Dispatch> {
        let pipeline = compiled(gpu, recorded)?;
        Ok(move || {
            let kernel = recorded.source.name;
            let entries: Vec<_> = (0..).zip(&recorded.bindings).map(|(i, t)| entry(i, t)).collect();
            let bindings = gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(kernel),
                layout: &pipeline.get_bind_group_layout(0),
                entries: &entries,
            });
            let (overrides, workgroups) = (recorded.overrides.clone(), recorded.workgroups);
            Dispatch { kernel, overrides, pipeline, bindings, workgroups }
        })
    }

    fn encode(&self, pass: &mut wgpu::ComputePass) {
        let [x, y, z] = self.workgroups;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}

fn compiled(gpu: &Gpu, recorded: &Recorded) -> Result<wgpu::ComputePipeline> {
    let missing = || format!("the pipeline of kernel `{}` was not compiled", recorded.source.name);
    gpu.compiled().get(&recorded.key()).ok_or_else(|| Error::internal(missing()))
}

fn entry(binding: u32, tensor: &Tensor) -> wgpu::BindGroupEntry<'_> {
    wgpu::BindGroupEntry { binding, resource: tensor.binding() }
}
