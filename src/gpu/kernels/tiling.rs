//! A matrix product that was chosen: its kernel, its tile, what it may fuse.

use crate::gpu::memory::Override;
use crate::gpu::plan::KernelSource;

/// A matrix product's kernel and the rows and columns that one of its workgroups computes.
pub(crate) struct Tiling {
    pub(crate) kernel: &'static KernelSource,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Overrides of this kernel alone.
    pub(crate) overrides: Vec<Override>,
    /// The same product with a norm of its rows fused.
    pub(super) normed: Vec<Normed>,
}

impl Tiling {
    /// A product that fuses no norm.
    pub(super) fn plain(
        kernel: &'static KernelSource,
        [rows, columns]: [usize; 2],
        overrides: Vec<Override>,
    ) -> Tiling {
        Tiling { kernel, rows, columns, overrides, normed: Vec::new() }
    }
}

/// What a fused norm does to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NormForm {
    /// Mean 0 and variance 1.
    Layer,
    /// Mean square 1.
    Rms,
}

/// A product with a fused norm.
pub(super) struct Normed {
    pub(super) form: NormForm,
    pub(super) kernel: &'static KernelSource,
    pub(super) overrides: Vec<Override>,
    /// Storage buffers that it binds.
    pub(super) buffers: u32,
}
