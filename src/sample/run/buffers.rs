//! The tensors that the sampler's kernels read and write.

use crate::Result;
use crate::gpu::layout::{CELL_WORDS, PARTIAL_WORDS, STEP_WORDS, draw_chunks, likely_words};
use crate::gpu::{DType, KernelFamily, Planned, Tensor};
use crate::model::{Network, Spec, Widths};
use crate::sample::run::capacity::Capacity;
use crate::sample::run::noise::Noise;
use crate::sample::run::simplex_buffers::SimplexBuffers;

/// Buffers of the current blocks of a batch.
pub struct Buffers {
    pub logits: Tensor,   // [rows at a time, V padded]
    pub keys: Tensor,     // [cells, 4]
    pub limits: Tensor,   // [cells, 2]
    pub partials: Tensor, // [cells, chunks, 7]
    pub cells: Tensor,    // [cells, 4]
    pub likely: Tensor,   // [cells, 1 + 2 candidates]
    pub masked: Tensor,   // [cells]: those that the rows of logits belong to
    pub masked_x: Tensor, // [cells, C]: the residual stream in their rows
    pub step: Tensor,     // [16]
    pub steps: Tensor,    // [steps, 16]
    /// `[cells]`, where rows predict other cells than their own, or another block's.
    pub own_ids: Option<Tensor>,
    /// Where the network takes the noise level.
    pub noise: Option<Noise>,
    /// Where cells are distributions.
    pub simplex: Option<SimplexBuffers>,
}

impl Buffers {
    /// Allocates for the given sizes.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`], [`crate::Error::OutOfMemory`].
    pub fn new(network: &Network, capacity: &Capacity) -> Result<Buffers> {
        let (gpu, spec) = (network.gpu(), network.spec());
        let (own_ids, others) = table(spec, capacity, gpu.kernels());
        let make = |planned: Planned<'_>| planned.make(gpu);
        let [logits, keys, limits, partials, cells, likely, masked, masked_x, step, steps] =
            others.map(make);
        Ok(Buffers {
            logits: logits?,
            keys: keys?,
            limits: limits?,
            partials: partials?,
            cells: cells?,
            likely: likely?,
            masked: masked?,
            masked_x: masked_x?,
            step: step?,
            steps: steps?,
            own_ids: own_ids.map(make).transpose()?,
            noise: Noise::new(network, capacity.steps)?,
            simplex: SimplexBuffers::new(network, capacity)?,
        })
    }

    /// Every tensor.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        let Buffers { logits, keys, limits, partials, cells, likely, .. } = self;
        let Buffers { masked, masked_x, step, steps, own_ids, noise, simplex, .. } = self;
        [logits, keys, limits, partials, cells, likely, masked, masked_x, step, steps]
            .into_iter()
            .chain(own_ids)
            .chain(noise.iter().flat_map(Noise::tensors))
            .chain(simplex.iter().flat_map(SimplexBuffers::tensors))
    }

    /// Bytes that [`Buffers::new`] takes.
    pub fn size_bytes(spec: &Spec, capacity: &Capacity, kernels: KernelFamily) -> u64 {
        let (own_ids, others) = table(spec, capacity, kernels);
        let bytes = own_ids.iter().chain(&others).map(|planned| planned.bytes(kernels));
        bytes.sum::<u64>()
            + Noise::size_bytes(spec, capacity.steps, kernels)
            + SimplexBuffers::size_bytes(spec, capacity, kernels)
    }
}

/// The tensors but for the noise, in the order of [`Buffers`].
fn table(
    spec: &Spec,
    capacity: &Capacity,
    kernels: KernelFamily,
) -> (Option<Planned<'static>>, [Planned<'static>; 10]) {
    let (cells, columns) = (capacity.cells(), spec.logits_columns());
    let words = Planned::words;
    let shifts = capacity.geometry.lag + capacity.geometry.shift > 0;
    let own_ids = shifts.then(|| words("cell ids", &[cells]));
    let others = [
        Planned::activation("logits", &[capacity.logits_rows(spec), columns]),
        words("keys", &[cells, 4]),
        words("limits", &[cells, 2]),
        words("partials", &[cells, draw_chunks(kernels, columns), PARTIAL_WORDS]),
        words("cells", &[cells, CELL_WORDS]),
        words("candidates", &[cells, likely_words(capacity.candidates)]),
        words("masked", &[cells]),
        Planned::activation("masked x", &[cells, Widths::of(spec).channels.held()]),
        Planned::plain("step", &[STEP_WORDS], DType::U32, 1),
        words("steps", &[capacity.steps, STEP_WORDS]),
    ];
    (own_ids, others)
}
