//! The compiled pipelines of a device, and the driver's cache of them, which a file keeps from one
//! start to the next.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::gpu::wait::scoped;
use crate::hub::kept;

/// What a pipeline is compiled from.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) kernel: &'static str,
    pub(crate) variant: &'static str,
    pub(crate) overrides: Vec<(&'static str, u64)>,
}

/// Compiled pipelines of one device, by kernel and overrides.
pub(crate) struct Compiled {
    by_key: Mutex<HashMap<Key, wgpu::ComputePipeline>>,
    cache: Option<DriverCache>,
}

impl Compiled {
    /// None yet; what the driver compiled before is in the folder.
    pub(super) fn new(device: &wgpu::Device, folder: Option<&Path>) -> Compiled {
        let cache = folder.and_then(|folder| DriverCache::open(device, folder));
        Compiled { by_key: Mutex::default(), cache }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<wgpu::ComputePipeline> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(crate) fn insert(&self, key: Key, pipeline: wgpu::ComputePipeline) {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner).insert(key, pipeline);
    }

    /// The driver's cache, to compile with.
    pub(crate) fn cache(&self) -> Option<&wgpu::PipelineCache> {
        self.cache.as_ref().map(|cache| &cache.inner)
    }

    /// Writes the driver's cache to its file, where there is one.
    pub(crate) fn save(&self) {
        if let Some(cache) = &self.cache {
            cache.save();
        }
    }
}

/// The driver's cache of pipelines. One that cannot be read or written costs time, and fails nothing.
struct DriverCache {
    inner: wgpu::PipelineCache,
    path: PathBuf,
    /// The digest of the file's bytes.
    saved: Mutex<Option<u64>>,
}

impl DriverCache {
    /// The device's cache in a folder; none where the backend has none.
    fn open(device: &wgpu::Device, folder: &Path) -> Option<DriverCache> {
        if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let path = folder.join(wgpu::util::pipeline_cache_key(&device.adapter_info())?);
        let bytes =
            kept::read(&path).ok().flatten().and_then(|file| Some(checked(&file)?.to_vec()));
        let made =
            |inner, saved| DriverCache { inner, path: path.clone(), saved: Mutex::new(saved) };
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
    // SAFETY: the bytes are what `get_data` gave: the folder is the user's own, a digest finds damage,
    // and wgpu and the driver refuse those of another adapter or driver.
    #[allow(unsafe_code, reason = "the driver trusts the bytes")]
    let make = || unsafe { device.create_pipeline_cache(&descriptor) };
    let valid = || scoped(device, wgpu::ErrorFilter::Validation, make);
    let ((cache, invalid), out_of_memory) = scoped(device, wgpu::ErrorFilter::OutOfMemory, valid);
    (invalid.is_none() && out_of_memory.is_none()).then_some(cache)
}

/// The bytes of a file behind its digest; None if it is damaged, or so large that most of it must be
/// of kernels that are no longer in use.
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
