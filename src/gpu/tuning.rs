//! Which kernels suit a device: by rules, or as measured on its adapter and kept in a file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::gpu::family::Traits;
use crate::gpu::{GpuOptions, KernelFamily, kept};
use crate::{Error, Result};

/// What was chosen for an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuning {
    /// Kernels of the hot operations.
    pub kernels: KernelFamily,
    /// On GPUs, rows up to which a product's lanes go along the weights; more rows go tile by tile.
    pub few_rows: usize,
    /// On GPUs, shares that the keys of a block's rows are split into: 1 to [`Tuning::MAX_SHARES`].
    pub shares: usize,
    /// On GPUs, whether products of few rows normalise them on the way.
    pub fused_norms: bool,
}

impl Tuning {
    /// Shares that there is room for.
    pub const MAX_SHARES: usize = 8;

    /// What these kernels are believed to do best with.
    pub fn of(kernels: KernelFamily) -> Tuning {
        Tuning { kernels, few_rows: 32, shares: Tuning::MAX_SHARES, fused_norms: true }
    }

    /// What an adapter is used with: what the folder keeps for it, or what is believed to suit it.
    pub fn for_adapter(adapter: &wgpu::Adapter, folder: Option<&Path>) -> Tuning {
        let cache = folder.map(Path::to_path_buf);
        Traits::of_adapter(adapter).tuning(&GpuOptions { cache, ..GpuOptions::default() })
    }

    /// What a folder keeps for an adapter. A damaged file, as one that is not there, keeps nothing.
    pub fn kept(folder: &Path, info: &wgpu::AdapterInfo) -> Option<Tuning> {
        let all = Kept::read(&file(folder));
        all.by_adapter.get(&key(info)).copied().filter(Tuning::is_sound)
    }

    /// Keeps it for an adapter, in place of what was kept; the path of the file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn keep(self, folder: &Path, info: &wgpu::AdapterInfo) -> Result<PathBuf> {
        write(folder, info, Some(self))
    }

    /// Keeps nothing for an adapter any more; the path of the file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn forget(folder: &Path, info: &wgpu::AdapterInfo) -> Result<PathBuf> {
        write(folder, info, None)
    }

    fn is_sound(&self) -> bool {
        self.few_rows >= 1 && (1..=Tuning::MAX_SHARES).contains(&self.shares)
    }
}

/// The file: another driver may do best with other kernels.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    by_adapter: BTreeMap<String, Tuning>,
}

impl Kept {
    fn read(path: &Path) -> Kept {
        let bytes = fs::read(path).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("tuning.json")
}

fn key(info: &wgpu::AdapterInfo) -> String {
    let wgpu::AdapterInfo { name, backend, driver, driver_info, .. } = info;
    [name, backend.to_str(), driver, driver_info].join(", ")
}

fn write(folder: &Path, info: &wgpu::AdapterInfo, tuning: Option<Tuning>) -> Result<PathBuf> {
    let path = file(folder);
    let mut all = Kept::read(&path);
    match tuning {
        Some(tuning) => all.by_adapter.insert(key(info), tuning),
        None => all.by_adapter.remove(&key(info)),
    };
    let json = serde_json::to_vec_pretty(&all).map_err(|e| Error::io(&path)(e.into()))?;
    kept::replace(&path, &json).map_err(Error::io(&path))?;
    Ok(path)
}
