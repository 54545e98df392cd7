//! A dispatch that was recorded, as data.

use crate::gpu::device::Key;
use crate::gpu::memory::{Override, Tensor};
use crate::gpu::plan::source::KernelSource;

/// A dispatch that was recorded.
pub(super) struct Recorded {
    pub(super) source: &'static KernelSource,
    pub(super) overrides: Vec<Override>,
    pub(super) bindings: Vec<Tensor>,
    pub(super) workgroups: [u32; 3],
}

impl Recorded {
    /// The pipeline that it runs.
    pub(super) fn key(&self) -> Key {
        let overrides = self.overrides.iter().map(|&(name, value)| (name, value.to_bits()));
        let Recorded { source, .. } = self;
        Key { kernel: source.name, variant: source.variant, overrides: overrides.collect() }
    }
}
