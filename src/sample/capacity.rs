//! How much room a request needs: rows, cells, cache slots, bytes. Knows no device.

use serde::Serialize;

use crate::gpu::{
    CANDIDATE_WORDS, CELL_WORDS, DType, KernelFamily, PARTIAL_WORDS, ROW_PAD, STEP_WORDS,
    draw_chunks, weight_bytes,
};
use crate::model::{Architecture, Conditioning, KvCache, Ring, Spec, Workspace, logits_rows};
use crate::sample::geometry::{Geometry, Sight};
use crate::sample::request::{CachePolicy, Request, Watch};

/// Rows of a pass that stores a prompt.
const PROMPT_ROWS: usize = 64;
/// Bytes of logits that are held at a time.
const MAX_LOGITS_BYTES: usize = 64 << 20;

/// Sizes that a denoiser is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// How a sequence is cut.
    pub geometry: Geometry,
    /// Samples at a time.
    pub lanes: usize,
    /// Tokens of a block.
    pub block_size: usize,
    /// Blocks of a sample that one pass may store.
    pub storable: usize,
    /// Rows of the longest pass.
    pub rows: usize,
    /// The first lane's ring of cache slots; the others follow it.
    pub ring: Ring,
    /// Most steps of a block.
    pub steps: usize,
    /// Likeliest tokens to tell of each masked cell.
    pub candidates: usize,
    /// Whether top-k or nucleus apply.
    pub filtered: bool,
}

impl Capacity {
    /// What a request needs of a model.
    pub fn new(request: &Request, spec: &Spec) -> Capacity {
        let geometry = Geometry::new(spec, request.length, request.block_size);
        let block_size = geometry.block_size;
        let lanes = request.batch.min(request.samples);
        let storable = (PROMPT_ROWS / block_size / lanes).max(1);
        let mut ring = geometry.ring(spec, storable);
        let blocks = request.length.div_ceil(block_size);
        let row_blocks = match (geometry.sight, request.cache) {
            (Sight::Own, _) => 1,
            (Sight::Before, CachePolicy::Recompute) => {
                ring.capacity = blocks.max(ring.window);
                blocks
            }
            (Sight::Before, _) => 1 + storable,
        };
        Capacity {
            geometry,
            lanes,
            block_size,
            storable,
            rows: lanes * row_blocks * block_size,
            ring,
            steps: request.sampling.for_family(spec.family(), block_size).max_steps(block_size),
            candidates: match request.watch {
                Watch::Steps { candidates } => candidates,
                Watch::Blocks => 0,
            },
            filtered: request.sampling.is_filtered(),
        }
    }

    /// Cells of all current blocks.
    pub fn cells(&self) -> usize {
        self.lanes * self.block_size
    }

    /// Slots of the cache.
    pub fn slots(&self) -> usize {
        self.lanes * self.ring.slots()
    }

    /// The ring of a lane.
    pub fn lane_ring(&self, lane: usize) -> Ring {
        Ring { base: lane * self.ring.slots(), ..self.ring }
    }

    /// Rows whose logits are held at a time.
    pub fn logits_rows(&self, spec: &Spec) -> usize {
        logits_rows(logits_columns(spec), MAX_LOGITS_BYTES).min(self.cells())
    }

    /// Bytes of the sampler's buffers, as [`crate::gpu::Tensor::padded`] makes them.
    fn sampler_bytes(&self, spec: &Spec, kernels: KernelFamily) -> u64 {
        let columns = logits_columns(spec);
        let chunks = draw_chunks(kernels, columns);
        let words = 4 + 2 + chunks * PARTIAL_WORDS + CELL_WORDS + 1 + spec.hidden_dim;
        let top = self.candidates.max(1) * CANDIDATE_WORDS;
        let padded = |rows: usize, words: usize| (rows.next_multiple_of(ROW_PAD) * words) as u64;
        let steps = padded(self.steps, STEP_WORDS) + STEP_WORDS as u64;
        let logits = padded(self.logits_rows(spec), columns);
        let own_ids = if self.geometry.lag > 0 { padded(self.cells(), 1) } else { 0 };
        let noise = match spec.adaln && spec.time_conditioning {
            true => {
                let table = (4 * self.steps * spec.cond_dim).next_multiple_of(16) as u64;
                table + Conditioning::size_bytes(spec, 1, kernels)
            }
            false => 0,
        };
        4 * (padded(self.cells(), words + top) + logits + steps + own_ids) + noise
    }
}

/// Columns of logits: the vocabulary, padded to whole vectors.
pub fn logits_columns(spec: &Spec) -> usize {
    spec.vocab_size.next_multiple_of(4)
}

/// Bytes that a model and a request take on the device.
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
    /// The plan, before anything is loaded.
    pub fn new(
        spec: &Spec,
        weights: DType,
        kernels: KernelFamily,
        request: &Request,
    ) -> MemoryPlan {
        let capacity = Capacity::new(request, spec);
        MemoryPlan {
            weights_bytes: weights_bytes(spec, weights, kernels),
            cache_bytes: KvCache::size_bytes(spec, weights.cached(), capacity.slots(), kernels),
            activations_bytes: Workspace::size_bytes(spec, capacity.rows, kernels)
                + capacity.sampler_bytes(spec, kernels),
        }
    }

    /// All of it.
    pub fn total_bytes(&self) -> u64 {
        self.weights_bytes + self.cache_bytes + self.activations_bytes
    }
}

/// Bytes of a loaded network: matrices in `dtype`, vectors in f32. What is folded leaves one row of
/// constants per layer.
fn weights_bytes(spec: &Spec, dtype: DType, kernels: KernelFamily) -> u64 {
    let live = spec.adaln && spec.time_conditioning;
    let (c, v) = (spec.hidden_dim, spec.vocab_size);
    let tensors = spec.tensors();
    let kept = tensors.iter().filter(|(name, _)| !spec.is_folded(name));
    let bytes = |(_, shape): &(String, Vec<usize>)| match shape[..] {
        // Linear layers that are stored the other way round are as large but for the padding.
        [n, k] => weight_bytes([n, k], dtype, kernels),
        _ => vector_bytes(shape.iter().product()),
    };
    let constants = spec.n_blocks as u64 * vector_bytes(6 * c) + vector_bytes(2 * c);
    let no_head_bias = match spec.architecture {
        Architecture::Dit => 0,
        Architecture::Gpt2 => vector_bytes(v),
    };
    kept.map(bytes).sum::<u64>()
        + if live { 0 } else { constants }
        + vector_bytes(3 * c)
        + no_head_bias
}

fn vector_bytes(numbers: usize) -> u64 {
    (numbers as u64 * 4).next_multiple_of(16)
}
