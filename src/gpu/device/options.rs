//! How to request a device.

use std::path::PathBuf;

use crate::gpu::device::family::KernelFamily;
use crate::gpu::device::tuning::Tuning;

/// How to request a device.
#[derive(Clone, Debug, Default)]
pub struct GpuOptions {
    /// Adapter by index or by part of its name; the most capable one if absent.
    pub adapter: Option<String>,
    /// Kernels to use instead of those that were kept for the adapter, or suit it.
    pub kernels: Option<KernelFamily>,
    /// Choices to use instead of those that were kept for the adapter, unless other kernels are asked
    /// for.
    pub tuning: Option<Tuning>,
    /// Keep the bounds checks in shaders (slower; tests use it).
    pub checked_shaders: bool,
    /// Bind at most this many bytes at once, though the adapter could bind more: weights are cut
    /// accordingly.
    pub max_binding_bytes: Option<u64>,
    /// Take at most this many denoising steps in one submit, though the device could take more.
    pub max_submit_steps: Option<usize>,
    /// Folder in which the driver's compiled pipelines are kept for the next start, and where
    /// [`Tuning::kept`] looks; nothing is kept if absent.
    pub cache: Option<PathBuf>,
}

impl GpuOptions {
    /// The folder for [`GpuOptions::cache`] that a user's variable names; `bdlm` in the user's cache
    /// folder if the variable is not set, none if it is empty.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn cache_folder(variable: Option<std::ffi::OsString>) -> Option<PathBuf> {
        match variable {
            Some(folder) if folder.is_empty() => None,
            Some(folder) => Some(folder.into()),
            None => dirs::cache_dir().map(|folder| folder.join("bdlm")),
        }
    }
}
