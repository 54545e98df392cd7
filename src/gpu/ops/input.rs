//! The rows that a product multiplies, as they are or normalised first.

use crate::Result;
use crate::gpu::kernels::{NormForm, Tiling, fused_norm};
use crate::gpu::memory::{Override, Tensor};
use crate::gpu::ops::layout::skipped;
use crate::gpu::ops::norm::Norm;
use crate::gpu::ops::rms_norm::RmsNorm;
use crate::gpu::ops::sequences::Sequences;
use crate::gpu::plan::{KernelSource, Recorder};

/// The rows that a product multiplies.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// As they are: made by [`Tensor::multiplied`].
    Given(&'a Tensor),
    /// Normalised first. Where a kernel fuses norm and product, [`Norm::y`] stays as it was.
    Normed(Norm<'a>),
    /// RMS-normalised first. Where a kernel fuses norm and product, [`RmsNorm::y`] stays as it was.
    RmsNormed(RmsNorm<'a>),
}

impl<'a> Input<'a> {
    /// The rows before any norm.
    pub(super) fn x(&self) -> &'a Tensor {
        match self {
            Input::Given(x)
            | Input::Normed(Norm { x, .. })
            | Input::RmsNormed(RmsNorm { x, .. }) => x,
        }
    }

    /// The form of the norm that a product may fuse: one that all rows share.
    fn form(&self) -> Option<NormForm> {
        match self {
            Input::Given(_) => None,
            Input::Normed(norm) => {
                (norm.modulation.sequences == Sequences::SHARED).then_some(NormForm::Layer)
            }
            Input::RmsNormed(_) => Some(NormForm::Rms),
        }
    }

    fn expect(&self) -> Result<()> {
        match self {
            Input::Given(_) => Ok(()),
            Input::Normed(norm) => norm.expect(),
            Input::RmsNormed(norm) => norm.expect(),
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
    fused: Input<'a>,
}

impl<'a> Read<'a> {
    /// Overrides of the kernel and of what it reads.
    pub(super) fn overrides(&self) -> impl Iterator<Item = Override> + '_ {
        let norm = match self.fused {
            Input::Given(_) => Vec::new(),
            Input::Normed(norm) => norm.overrides().to_vec(),
            Input::RmsNormed(norm) => norm.overrides().to_vec(),
        };
        let read = norm.into_iter().chain(skipped("X_SKIPPED", self.x));
        self.tiling.iter().copied().chain(read)
    }

    /// Bindings after those of the product.
    pub(super) fn bindings(&self) -> impl Iterator<Item = &'a Tensor> + use<'a> {
        let [weight, modulation] = match self.fused {
            Input::Given(_) => [None, None],
            Input::Normed(norm) => [Some(norm.weight), Some(norm.modulation.tensor)],
            Input::RmsNormed(norm) => [Some(norm.weight), None],
        };
        weight.into_iter().chain(modulation)
    }
}

impl Recorder<'_> {
    /// What a product's kernel reads. A norm that cannot be fused becomes a dispatch of its own.
    pub(super) fn read<'a>(&mut self, input: Input<'a>, tiling: &Tiling) -> Result<Read<'a>> {
        input.expect()?;
        let x = input.x();
        // Products read whole tiles of rows, norms those that are there.
        let is_padded = x.holds_rows(x.dim(0).next_multiple_of(tiling.rows));
        let form = input.form().filter(|_| is_padded);
        let fused = form.and_then(|form| fused_norm(self.gpu(), tiling, form));
        if let Some((kernel, overrides)) = fused {
            return Ok(Read { x, kernel, tiling: overrides.to_vec(), fused: input });
        }
        let x = match input {
            Input::Given(x) => x,
            Input::Normed(norm) => {
                self.norm(norm)?;
                norm.y
            }
            Input::RmsNormed(norm) => {
                self.rms_norm(norm)?;
                norm.y
            }
        };
        let (kernel, tiling) = (tiling.kernel, tiling.overrides.clone());
        Ok(Read { x, kernel, tiling, fused: Input::Given(x) })
    }
}
