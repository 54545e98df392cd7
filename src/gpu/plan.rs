//! Plans: dispatches recorded once and replayed. The only file that creates bind groups. Knows no
//! kernel by name; `ops.rs` does.

use crate::gpu::pipelines::Key;
use crate::gpu::profile::Profiler;
use crate::gpu::{Gpu, Tensor};
use crate::{Error, Result};

/// Sizes and switches of a kernel: its WGSL `override`s.
pub type Overrides<'a> = &'a [(&'static str, f64)];

/// The WGSL sources, by kernel name; tests validate each of them.
pub struct KernelSource {
    /// File stem, entry point and profiler label.
    pub name: &'static str,
    /// Tells variants of one name apart.
    pub variant: &'static str,
    /// Parts that are joined to one module, the kernel itself first.
    pub parts: &'static [&'static str],
}

impl KernelSource {
    /// The whole module.
    pub fn wgsl(&self) -> String {
        self.parts.join("\n")
    }
}

#[derive(Debug)]
struct Dispatch {
    kernel: &'static str,
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    workgroups: [u32; 3],
}

/// A sequence of dispatches, ready to be encoded any number of times without making GPU objects.
#[derive(Debug)]
pub struct Plan {
    dispatches: Vec<Dispatch>,
}

impl Plan {
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

    /// Encodes the plan as one compute pass, or as a timed pass per dispatch for a profiler.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder, profiler: Option<&mut Profiler>) {
        let Some(profiler) = profiler else {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            return self.dispatches.iter().for_each(|dispatch| dispatch.encode(&mut pass));
        };
        for dispatch in &self.dispatches {
            let timestamp_writes = profiler.next(dispatch.kernel);
            let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
            dispatch.encode(&mut encoder.begin_compute_pass(&descriptor));
        }
    }
}

impl Dispatch {
    fn encode(&self, pass: &mut wgpu::ComputePass) {
        let [x, y, z] = self.workgroups;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}

/// A dispatch that was recorded.
pub(crate) struct Request {
    pub(crate) source: &'static KernelSource,
    pub(crate) overrides: Vec<(&'static str, f64)>,
    bindings: Vec<Tensor>,
    workgroups: [u32; 3],
}

impl Request {
    pub(crate) fn key(&self) -> Key {
        let overrides = self.overrides.iter().map(|&(name, value)| (name, value.to_bits()));
        let Request { source, .. } = self;
        Key { kernel: source.name, variant: source.variant, overrides: overrides.collect() }
    }

    fn bind(&self, gpu: &Gpu) -> Result<Dispatch> {
        let kernel = self.source.name;
        let missing = || Error::internal(format!("kernel `{kernel}` was not compiled"));
        let pipeline = gpu.pipelines().get(&self.key()).ok_or_else(missing)?;
        let entries: Vec<_> = (0..).zip(&self.bindings).map(|(i, t)| entry(i, t)).collect();
        let scope = gpu.device().push_error_scope(wgpu::ErrorFilter::Validation);
        let bindings = gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        match pollster::block_on(scope.pop()) {
            None => Ok(Dispatch { kernel, pipeline, bindings, workgroups: self.workgroups }),
            Some(e) => Err(kernel_error(gpu, kernel, &e)),
        }
    }
}

/// Records a [`Plan`]; its kernel methods are in `ops.rs`.
pub struct Recorder<'g> {
    gpu: &'g Gpu,
    requests: Vec<Request>,
}

impl<'g> Recorder<'g> {
    /// An empty plan for this device.
    pub fn new(gpu: &'g Gpu) -> Recorder<'g> {
        Recorder { gpu, requests: Vec::new() }
    }

    /// The device that the plan will run on.
    pub fn gpu(&self) -> &'g Gpu {
        self.gpu
    }

    /// Ends the recording: compiles what the device has not run yet, and binds the tensors.
    ///
    /// # Errors
    /// [`Error::Kernel`] if a shader does not build or does not fit its bindings,
    /// [`Error::DeviceLost`].
    pub fn finish(self) -> Result<Plan> {
        self.gpu.pipelines().compile_missing(self.gpu, &self.requests)?;
        let dispatches = self.requests.iter().map(|request| request.bind(self.gpu));
        Ok(Plan { dispatches: dispatches.collect::<Result<_>>()? })
    }

    /// Records one dispatch. Bindings run 0..n in the shader's declaration order.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if there are more workgroups than a dispatch can have.
    pub(crate) fn dispatch(
        &mut self,
        source: &'static KernelSource,
        overrides: Overrides,
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
        self.requests.push(Request {
            source,
            overrides: overrides.to_vec(),
            bindings: bindings.iter().map(|&tensor| tensor.clone()).collect(),
            workgroups: workgroups.map(|count| count as u32),
        });
        Ok(())
    }
}

/// What a failed validation means: on a lost device nothing is valid any more.
pub(crate) fn kernel_error(gpu: &Gpu, kernel: &'static str, error: &wgpu::Error) -> Error {
    match gpu.check() {
        Err(lost) => lost,
        Ok(()) => Error::Kernel { kernel, cause: error.to_string() },
    }
}

fn entry(binding: u32, tensor: &Tensor) -> wgpu::BindGroupEntry<'_> {
    wgpu::BindGroupEntry { binding, resource: tensor.binding() }
}
