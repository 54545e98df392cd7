//! The norm: a dispatch of its own, or on the way into a product.

use crate::Result;
use crate::gpu::kernels::{NORM, Tiling, normed_kernel};
use crate::gpu::ops::network::{Modulation, Sequences, skipped};
use crate::gpu::{KernelSource, Recorder, Tensor};

/// A norm of rows, `LN(x) * weight * (1 + scale) + shift`, that products take their rows from.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// Rows, `[T, K]`, made by [`Tensor::activation`].
    pub x: &'a Tensor,
    /// `[K]`.
    pub weight: &'a Tensor,
    /// Shift and scale.
    pub modulation: Modulation<'a>,
    /// First columns of shift and scale.
    pub at: [usize; 2],
    /// Where the normalised rows go if a dispatch of its own computes them, `[T, K]`.
    pub y: &'a Tensor,
}

/// The rows of a product.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// As they are: made by [`Tensor::multiplied`].
    Given(&'a Tensor),
    /// Normalised first: on the way, where a kernel can, which leaves [`Norm::y`] as it was.
    Normed(Norm<'a>),
}

impl Rows<'_> {
    /// T.
    pub(super) fn count(&self) -> usize {
        match self {
            Rows::Given(x) | Rows::Normed(Norm { x, .. }) => x.dim(0),
        }
    }
}

impl<'a> From<&'a Tensor> for Rows<'a> {
    fn from(x: &'a Tensor) -> Rows<'a> {
        Rows::Given(x)
    }
}

/// Rows that a product's kernel reads, and the norm that it applies on the way.
pub(super) struct Read<'a> {
    pub(super) x: &'a Tensor,
    pub(super) kernel: &'static KernelSource,
    norm: Option<Norm<'a>>,
}

impl Norm<'_> {
    fn expect(&self) -> Result<()> {
        let (t, c) = (self.x.dim(0), self.x.dim(1));
        let Modulation { tensor, sequences } = self.modulation;
        self.weight.expect(&[c])?;
        self.y.expect(&[t, c])?;
        let columns = self.at[0].max(self.at[1]).max(tensor.dim(1) - c) + c;
        tensor.expect(&[sequences.count, columns])
    }
}

impl<'a> Read<'a> {
    /// Overrides that come with them.
    pub(super) fn overrides(&self) -> impl Iterator<Item = (&'static str, f64)> + use<> {
        let at = self.norm.map(|norm| norm.at);
        let columns =
            at.map(|[shift, scale]| [("SHIFT_AT", shift as f64), ("SCALE_AT", scale as f64)]);
        columns.into_iter().flatten().chain(skipped("X_SKIPPED", self.x))
    }

    /// Bindings behind those of the product.
    pub(super) fn bindings(&self) -> impl Iterator<Item = &'a Tensor> + use<'a> {
        self.norm.into_iter().flat_map(|norm| [norm.weight, norm.modulation.tensor])
    }
}

impl Recorder<'_> {
    /// Computes the norm of rows into [`Norm::y`].
    ///
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn norm(&mut self, norm: Norm<'_>) -> Result<()> {
        norm.expect()?;
        let Norm { x, weight, modulation: Modulation { tensor, sequences }, at, y } = norm;
        let (t, c) = (x.dim(0), x.dim(1));
        let mut overrides = vec![
            ("C", c as f64),
            ("SEQ_ROWS", sequences.rows as f64),
            ("SEQS", sequences.count as f64),
            ("STRIDE", tensor.dim(1) as f64),
            ("SHIFT_AT", at[0] as f64),
            ("SCALE_AT", at[1] as f64),
            ("LANES", self.lanes()),
        ];
        overrides.extend(skipped("Y_SKIPPED", y));
        self.dispatch(NORM.of(y.memory()), &overrides, &[x, weight, tensor, y], [t, 1, 1])
    }

    /// What a product's kernel reads: rows are normalised in a dispatch of their own unless it can.
    pub(super) fn read<'a>(&mut self, rows: Rows<'a>, tiling: &Tiling) -> Result<Read<'a>> {
        let norm = match rows {
            Rows::Given(x) => return Ok(Read { x, kernel: tiling.kernel, norm: None }),
            Rows::Normed(norm) => norm,
        };
        norm.expect()?;
        let is_shared = norm.modulation.sequences == Sequences::SHARED;
        // Products read whole tiles of rows, norms those that are there.
        let is_padded = norm.x.holds_rows(norm.x.dim(0).next_multiple_of(tiling.rows));
        match normed_kernel(self.gpu(), tiling).filter(|_| is_shared && is_padded) {
            Some(kernel) => Ok(Read { x: norm.x, kernel, norm: Some(norm) }),
            None => {
                self.norm(norm)?;
                Ok(Read { x: norm.y, kernel: tiling.kernel, norm: None })
            }
        }
    }
}
