//! Compiled pipelines of a device, and the driver's cache of them, which a file keeps from one start
//! to the next. The only file that creates pipelines.

use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::Result;
use crate::gpu::plan::{Request, kernel_error};
use crate::gpu::{Gpu, kept};

/// What a pipeline is compiled from.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) kernel: &'static str,
    pub(crate) variant: &'static str,
    pub(crate) overrides: Vec<(&'static str, u64)>,
}

/// Compiled pipelines of one device, by kernel and overrides.
#[derive(Default)]
pub(crate) struct Pipelines {
    by_key: Mutex<HashMap<Key, wgpu::ComputePipeline>>,
    cache: Option<PipelineCache>,
}

impl Pipelines {
    /// None yet; what the driver compiled before is in the folder.
    pub(crate) fn new(device: &wgpu::Device, folder: Option<&Path>) -> Pipelines {
        let cache = folder.and_then(|folder| PipelineCache::open(device, folder));
        Pipelines { cache, ..Pipelines::default() }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<wgpu::ComputePipeline> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Compiles what is missing, on as many threads as there are processors.
    pub(crate) fn compile_missing(&self, gpu: &Gpu, requests: &[Request]) -> Result<()> {
        let keyed = requests.iter().map(|request| (request.key(), request));
        let missing: HashMap<Key, &Request> =
            keyed.filter(|(key, _)| self.get(key).is_none()).collect();
        let left = Mutex::new(missing.into_iter());
        let failed = Mutex::new(None);
        let next = || left.lock().ok()?.next();
        let work = || {
            while let Some((key, request)) = next() {
                match (self.compile(gpu, request), self.by_key.lock(), failed.lock()) {
                    (Ok(pipeline), Ok(mut by_key), _) => drop(by_key.insert(key, pipeline)),
                    (Err(e), _, Ok(mut failed)) => *failed = Some(e),
                    _ => {}
                }
            }
        };
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let count = left.lock().map_or(0, |left| left.len());
        let threads = processors.min(count);
        std::thread::scope(|scope| {
            // The others help this one.
            (1..threads).for_each(|_| drop(scope.spawn(work)));
            work();
        });
        if let Some(cache) = self.cache.as_ref().filter(|_| count > 0) {
            cache.save();
        }
        match failed.into_inner() {
            Ok(Some(e)) => Err(e),
            _ => Ok(()),
        }
    }

    fn compile(&self, gpu: &Gpu, request: &Request) -> Result<wgpu::ComputePipeline> {
        let Request { source, overrides, .. } = request;
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
            cache: self.cache.as_ref().map(|cache| &cache.inner),
        });
        match pollster::block_on(scope.pop()) {
            None => Ok(pipeline),
            Some(e) => Err(kernel_error(gpu, source.name, &e)),
        }
    }
}

/// The driver's cache of pipelines. One that cannot be read or written costs time, and fails nothing.
struct PipelineCache {
    inner: wgpu::PipelineCache,
    path: PathBuf,
    /// Of the bytes that the file holds.
    saved: Mutex<Option<u64>>,
}

impl PipelineCache {
    /// The device's cache in a folder; none where the backend has none.
    fn open(device: &wgpu::Device, folder: &Path) -> Option<PipelineCache> {
        if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let path = folder.join(wgpu::util::pipeline_cache_key(&device.adapter_info())?);
        let bytes = fs::read(&path).ok().and_then(|file| checked(&file).map(<[u8]>::to_vec));
        let made =
            |inner, saved| PipelineCache { inner, path: path.clone(), saved: Mutex::new(saved) };
        let filled =
            bytes.and_then(|bytes| Some(made(create(device, Some(&bytes))?, Some(digest(&bytes)))));
        filled.or_else(|| Some(made(create(device, None)?, None)))
    }

    fn save(&self) {
        let Some(bytes) = self.inner.get_data() else { return };
        let digest = digest(&bytes);
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        let file = [&digest.to_le_bytes(), bytes.as_slice()].concat();
        if *saved != Some(digest) && kept::replace(&self.path, &file).is_ok() {
            *saved = Some(digest);
        }
    }
}

/// A cache that holds what `get_data` gave before; None if the device refuses it.
fn create(device: &wgpu::Device, data: Option<&[u8]>) -> Option<wgpu::PipelineCache> {
    let descriptor = wgpu::PipelineCacheDescriptor { label: Some("bdlm"), data, fallback: true };
    let scopes = [wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation]
        .map(|filter| device.push_error_scope(filter));
    // SAFETY: the bytes are what `get_data` gave: the folder is the user's own, a digest finds damage,
    // and wgpu and the driver refuse those of another adapter or driver.
    #[allow(unsafe_code, reason = "the driver trusts the bytes")]
    let cache = unsafe { device.create_pipeline_cache(&descriptor) };
    let errors = scopes.into_iter().rev().filter_map(|scope| pollster::block_on(scope.pop()));
    (errors.count() == 0).then_some(cache)
}

/// What a file holds behind its digest; None if it is damaged, or so large that most of it must be
/// of kernels that no one runs any more.
fn checked(file: &[u8]) -> Option<&[u8]> {
    const MAX_BYTES: usize = 64 << 20;
    let (wanted, bytes) = file.split_first_chunk()?;
    (bytes.len() <= MAX_BYTES && digest(bytes) == u64::from_le_bytes(*wanted)).then_some(bytes)
}

fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
