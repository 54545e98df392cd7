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
    fused: Option<Norm<'a>>,
}

impl<'a> Read<'a> {
    /// Overrides beside those of the product.
    pub(super) fn overrides(&self) -> impl Iterator<Item = Override> + use<> {
        let norm = self.fused.map(|norm| norm.overrides());
        norm.into_iter().flatten().chain(skipped("X_SKIPPED", self.x))
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
            Input::Given(x) => return Ok(Read { x, kernel: tiling.kernel, fused: None }),
            Input::Normed(norm) => norm,
        };
        norm.expect()?;
        let is_shared = norm.modulation.sequences == Sequences::SHARED;
        // Products read whole tiles of rows, norms those that are there.
        let is_padded = norm.x.holds_rows(norm.x.dim(0).next_multiple_of(tiling.rows));
        match fused_norm(self.gpu(), tiling).filter(|_| is_shared && is_padded) {
            Some(kernel) => Ok(Read { x: norm.x, kernel, fused: Some(norm) }),
            None => {
                self.norm(norm)?;
                Ok(Read { x: norm.y, kernel: tiling.kernel, fused: None })
            }
        }
    }
}
