//! Compiles the pipelines of recorded dispatches. The only file that creates pipelines.

use std::collections::HashMap;

use crate::gpu::device::{Gpu, Key};
use crate::gpu::plan::recorded::Recorded;
use crate::gpu::wait::{scoped, scoped_async};
use crate::{Error, Result};

/// Compiles the pipelines that the device does not have yet, on as many threads as there are
/// processors. In a browser a pipeline that does not build is reported later to the device's error
/// handler, which [`Gpu::check`] asks for a device that was requested; on an adopted device it is the
/// host program's.
///
/// # Errors
/// [`Error::Kernel`], [`Error::DeviceLost`].
pub(super) fn compile_missing(gpu: &Gpu, recorded: &[Recorded]) -> Result<()> {
    let Some(missing) = missing(gpu, recorded) else { return Ok(()) };
    let compiled = compile_all(gpu, missing);
    gpu.compiled().save();
    compiled
}

/// As [`compile_missing`], one after the other, and awaits the outcome of each.
///
/// # Errors
/// As [`compile_missing`].
pub(super) async fn compile_missing_async(gpu: &Gpu, recorded: &[Recorded]) -> Result<()> {
    let Some(missing) = missing(gpu, recorded) else { return Ok(()) };
    for (key, recorded) in missing {
        let filter = wgpu::ErrorFilter::Validation;
        let made = scoped_async(gpu.device(), filter, || create(gpu, recorded)).await;
        keep(gpu, key, recorded, made)?;
    }
    gpu.compiled().save();
    Ok(())
}

type Missing<'a> = HashMap<Key, &'a Recorded>;
type Made = (wgpu::ComputePipeline, Option<wgpu::Error>);

/// What is not compiled; None if all is.
fn missing<'a>(gpu: &Gpu, recorded: &'a [Recorded]) -> Option<Missing<'a>> {
    let keyed = recorded.iter().map(|recorded| (recorded.key(), recorded));
    let missing: Missing<'_> = keyed.filter(|(key, _)| gpu.compiled().get(key).is_none()).collect();
    (!missing.is_empty()).then_some(missing)
}

fn compile(gpu: &Gpu, key: Key, recorded: &Recorded) -> Result<()> {
    let made = scoped(gpu.device(), wgpu::ErrorFilter::Validation, || create(gpu, recorded));
    keep(gpu, key, recorded, made)
}

/// Keeps a pipeline for all plans of the device, if it was made.
fn keep(gpu: &Gpu, key: Key, recorded: &Recorded, made: Made) -> Result<()> {
    gpu.compiled().insert(key, valid(gpu, recorded.source.name, made)?);
    Ok(())
}

#[cfg(target_arch = "wasm32")]
fn compile_all(gpu: &Gpu, missing: Missing<'_>) -> Result<()> {
    missing.into_iter().try_for_each(|(key, recorded)| compile(gpu, key, recorded))
}

#[cfg(not(target_arch = "wasm32"))]
fn compile_all(gpu: &Gpu, missing: Missing<'_>) -> Result<()> {
    use std::sync::Mutex;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = processors.min(missing.len());
    let left = Mutex::new(missing.into_iter());
    let failed = Mutex::new(None);
    let next = || left.lock().ok()?.next();
    let work = || {
        while let Some((key, recorded)) = next() {
            if let (Err(e), Ok(mut failed)) = (compile(gpu, key, recorded), failed.lock()) {
                *failed = Some(e);
            }
        }
    };
    std::thread::scope(|scope| {
        // The others help this one.
        (1..threads).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    match failed.into_inner() {
        Ok(Some(e)) => Err(e),
        _ => Ok(()),
    }
}

fn create(gpu: &Gpu, recorded: &Recorded) -> wgpu::ComputePipeline {
    let Recorded { source, overrides, .. } = recorded;
    let device = gpu.device();
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(source.name),
        source: wgpu::ShaderSource::Wgsl(source.wgsl().into()),
    };
    let module = if gpu.checked_shaders() {
        device.create_shader_module(descriptor)
    } else {
        // SAFETY: the sources are this crate's own, their loops end and their indices stay inside
        // buffers and textures whose sizes `ops` checks; the tests run them all with the checks on.
        #[allow(unsafe_code, reason = "bounds checks cost up to a fifth on lavapipe")]
        unsafe {
            let checks = wgpu::ShaderRuntimeChecks::unchecked();
            device.create_shader_module_trusted(descriptor, checks)
        }
    };
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(source.name),
        layout: None,
        module: &module,
        entry_point: Some(source.name),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: overrides,
            zero_initialize_workgroup_memory: false,
        },
        cache: gpu.compiled().cache(),
    })
}

/// What was made, unless wgpu reported an error: on a lost device nothing is valid any more.
pub(super) fn valid<T>(
    gpu: &Gpu,
    kernel: &'static str,
    (made, error): (T, Option<wgpu::Error>),
) -> Result<T> {
    match error {
        None => Ok(made),
        Some(e) => gpu.check().and(Err(Error::Kernel { kernel, cause: e.to_string() })),
    }
}
