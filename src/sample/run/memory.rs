//! Bytes that a model and a request take, before anything is loaded.

use serde::Serialize;

use crate::gpu::KernelFamily;
use crate::model::{Formats, KvCache, Spec, Workspace};
use crate::sample::run::buffers::Buffers;
use crate::sample::run::capacity::Capacity;
use crate::sample::run::request::Request;

/// Bytes on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryPlan {
    /// Weights.
    pub weights_bytes: u64,
    /// Keys and values.
    pub cache_bytes: u64,
    /// Activations, logits and the sampler's buffers.
    pub activations_bytes: u64,
}

impl MemoryPlan {
    /// The plan: the tables that loading and running allocate by, added up.
    pub fn new(
        spec: &Spec,
        formats: impl Into<Formats>,
        kernels: KernelFamily,
        request: &Request,
    ) -> MemoryPlan {
        let (formats, capacity) = (formats.into(), Capacity::new(request, spec));
        let held = |entry: &crate::model::Entry| entry.held_bytes(formats, kernels);
        MemoryPlan {
            weights_bytes: spec.table().iter().map(held).sum(),
            cache_bytes: KvCache::size_bytes(
                spec,
                formats.layers.cached(),
                capacity.slots(),
                kernels,
            ),
            activations_bytes: Workspace::size_bytes(spec, capacity.rows, kernels)
                + Buffers::size_bytes(spec, &capacity, kernels),
        }
    }

    /// All of it.
    pub fn total_bytes(&self) -> u64 {
        self.weights_bytes + self.cache_bytes + self.activations_bytes
    }
}
