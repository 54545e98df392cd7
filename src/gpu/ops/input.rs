//! The rows that a product multiplies, as they are or normalised first.

use crate::Result;
use crate::gpu::kernels::{Tiling, fused_norm};
use crate::gpu::memory::{Override, Tensor};
use crate::gpu::ops::layout::skipped;
use crate::gpu::ops::norm::Norm;
use crate::gpu::ops::sequences::Sequences;
use crate::gpu::plan::{KernelSource, Recorder};

/// The rows that a product multiplies.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// As they are: made by [`Tensor::multiplied`].
    Given(&'a Tensor),
    /// Normalised first. Where a kernel fuses norm and product, [`Norm::y`] stays as it was.
    Normed(Norm<'a>),
}

impl<'a> Input<'a> {
    /// The rows before any norm.
    pub(super) fn x(&self) -> &'a Tensor {
        match self {
            Input::Given(x) | Input::Normed(Norm { x, .. }) => x,
        }
    }
}

impl<'a> From<&'a Tensor> for Input<'a> {
    fn from(x: &'a Tensor) -> Input<'a> {
        Input::Given(x)
    }
}

/// The rows that a product's kernel reads, and the norm that is fused with it.
pub(super) struct Read<'a> {
    pub(super) x: &'a Tensor,
    pub(super) kernel: &'static KernelSource,
    tiling: Vec<Override>,
    fused: Option<Norm<'a>>,
}

impl<'a> Read<'a> {
    fn given(x: &'a Tensor, tiling: &Tiling) -> Read<'a> {
        Read { x, kernel: tiling.kernel, tiling: tiling.overrides.clone(), fused: None }
    }

    /// Overrides of the kernel and of what it reads.
    pub(super) fn overrides(&self) -> impl Iterator<Item = Override> + '_ {
        let norm = self.fused.map(|norm| norm.overrides());
        let read = norm.into_iter().flatten().chain(skipped("X_SKIPPED", self.x));
        self.tiling.iter().copied().chain(read)
    }

    /// Bindings after those of the product.
    pub(super) fn bindings(&self) -> impl Iterator<Item = &'a Tensor> + use<'a> {
        self.fused.into_iter().flat_map(|norm| [norm.weight, norm.modulation.tensor])
    }
}

impl Recorder<'_> {
    /// What a product's kernel reads. A norm that cannot be fused becomes a dispatch of its own.
    pub(super) fn read<'a>(&mut self, input: Input<'a>, tiling: &Tiling) -> Result<Read<'a>> {
        let norm = match input {
            Input::Given(x) => return Ok(Read::given(x, tiling)),
            Input::Normed(norm) => norm,
        };
        norm.expect()?;
        let is_shared = norm.modulation.sequences == Sequences::SHARED;
        // Products read whole tiles of rows, norms those that are there.
        let is_padded = norm.x.holds_rows(norm.x.dim(0).next_multiple_of(tiling.rows));
        match fused_norm(self.gpu(), tiling).filter(|_| is_shared && is_padded) {
            Some((kernel, overrides)) => {
                Ok(Read { x: norm.x, kernel, tiling: overrides.to_vec(), fused: Some(norm) })
            }
            None => {
                self.norm(norm)?;
                Ok(Read::given(norm.y, tiling))
            }
        }
    }
}
