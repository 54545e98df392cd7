//! Plans: dispatches recorded once and replayed. The only file that creates pipelines and bind
//! groups. Knows no kernel by name; `ops.rs` does.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::gpu::profile::Profiler;
use crate::gpu::{Gpu, Memory, Tensor};
use crate::{Error, Result};

/// Sizes and switches of a kernel: its WGSL `override`s.
pub type Overrides<'a> = &'a [(&'static str, f64)];

/// The WGSL sources, by kernel name; tests validate each of them.
pub struct KernelSource {
    /// File stem, entry point and profiler label.
    pub name: &'static str,
    /// Tells variants of one name apart: the memory of what varies.
    pub memory: Memory,
    /// Parts that are joined to one module, the kernel itself first.
    pub parts: &'static [&'static str],
}

impl KernelSource {
    /// The whole module.
    pub fn wgsl(&self) -> String {
        self.parts.join("\n")
    }
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    kernel: &'static str,
    memory: Memory,
    overrides: Vec<(&'static str, u64)>,
}

/// Compiled pipelines of one device, by kernel and overrides.
#[derive(Default)]
pub struct Pipelines {
    by_key: Mutex<HashMap<Key, wgpu::ComputePipeline>>,
}

impl Pipelines {
    fn get(
        &self,
        gpu: &Gpu,
        source: &KernelSource,
        overrides: Overrides,
    ) -> Result<wgpu::ComputePipeline> {
        let bits = overrides.iter().map(|&(name, value)| (name, value.to_bits())).collect();
        let key = Key { kernel: source.name, memory: source.memory, overrides: bits };
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = by_key.get(&key) {
            return Ok(pipeline.clone());
        }
        let pipeline = compile(gpu, source, overrides)?;
        by_key.insert(key, pipeline.clone());
        Ok(pipeline)
    }
}

fn compile(
    gpu: &Gpu,
    source: &KernelSource,
    overrides: Overrides,
) -> Result<wgpu::ComputePipeline> {
    let device = gpu.device();
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(source.name),
        source: wgpu::ShaderSource::Wgsl(source.wgsl().into()),
    };
    let module = if gpu.checked_shaders() {
        device.create_shader_module(descriptor)
    } else {
        // SAFETY: the sources are this crate's own, their loops end and their indices stay inside
        // buffers and textures whose sizes `ops.rs` checks; the tests run them all with the checks on.
        #[allow(unsafe_code, reason = "bounds checks cost up to a fifth on lavapipe")]
        unsafe {
            let checks = wgpu::ShaderRuntimeChecks::unchecked();
            device.create_shader_module_trusted(descriptor, checks)
        }
    };
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(source.name),
        layout: None,
        module: &module,
        entry_point: Some(source.name),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: overrides,
            zero_initialize_workgroup_memory: false,
        },
        cache: None,
    });
    match pollster::block_on(scope.pop()) {
        None => Ok(pipeline),
        Some(e) => Err(kernel_error(gpu, source.name, &e)),
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

/// Records a [`Plan`]; its kernel methods are in `ops.rs`.
pub struct Recorder<'g> {
    gpu: &'g Gpu,
    dispatches: Vec<Dispatch>,
}

impl<'g> Recorder<'g> {
    /// An empty plan for this device.
    pub fn new(gpu: &'g Gpu) -> Recorder<'g> {
        Recorder { gpu, dispatches: Vec::new() }
    }

    /// The device that the plan will run on.
    pub fn gpu(&self) -> &'g Gpu {
        self.gpu
    }

    /// Ends the recording.
    pub fn finish(self) -> Plan {
        Plan { dispatches: self.dispatches }
    }

    /// Records one dispatch. Bindings run 0..n in the shader's declaration order.
    ///
    /// # Errors
    /// [`Error::Kernel`] if the shader does not build or does not fit the bindings,
    /// [`Error::TooLarge`] if there are more workgroups than a dispatch can have.
    pub(crate) fn dispatch(
        &mut self,
        source: &KernelSource,
        overrides: Overrides,
        bindings: &[&Tensor],
        workgroups: [usize; 3],
    ) -> Result<()> {
        let kernel = source.name;
        let limit = self.gpu.device().limits().max_compute_workgroups_per_dimension;
        let most = workgroups.into_iter().max().unwrap_or(0);
        if most > limit as usize {
            let what = format!("kernel `{kernel}`, counted in workgroups,");
            let advice = "try fewer rows: a smaller --batch or --length";
            let (got, limit) = (most as u64, u64::from(limit));
            return Err(Error::TooLarge { what, got, limit, advice });
        }
        let pipeline = self.gpu.pipelines().get(self.gpu, source, overrides)?;
        let entries: Vec<_> = (0..).zip(bindings).map(|(i, tensor)| entry(i, tensor)).collect();
        let scope = self.gpu.device().push_error_scope(wgpu::ErrorFilter::Validation);
        let bindings = self.gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        if let Some(e) = pollster::block_on(scope.pop()) {
            return Err(kernel_error(self.gpu, kernel, &e));
        }
        let workgroups = workgroups.map(|count| count as u32);
        self.dispatches.push(Dispatch { kernel, pipeline, bindings, workgroups });
        Ok(())
    }
}

/// What a failed validation means: on a lost device nothing is valid any more.
fn kernel_error(gpu: &Gpu, kernel: &'static str, error: &wgpu::Error) -> Error {
    match gpu.check() {
        Err(lost) => lost,
        Ok(()) => Error::Kernel { kernel, cause: error.to_string() },
    }
}

fn entry(binding: u32, tensor: &Tensor) -> wgpu::BindGroupEntry<'_> {
    wgpu::BindGroupEntry { binding, resource: tensor.binding() }
}
