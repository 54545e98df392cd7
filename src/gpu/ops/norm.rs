//! The norm, as a dispatch of its own.

use crate::Result;
use crate::gpu::kernels::NORM;
use crate::gpu::memory::{EIGHT, Override, Tensor};
use crate::gpu::ops::layout::skipped;
use crate::gpu::ops::sequences::Modulation;
use crate::gpu::plan::Recorder;

/// A norm of rows, `LN(x) * weight * (1 + scale) + shift`.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// Rows, `[T, C]`, made by [`Tensor::activation`].
    pub x: &'a Tensor,
    /// Channels, the first columns of x. Fewer than eight columns may follow, zeros that pad a row: mean
    /// and variance leave them out, and y is zero there if weight and shift are.
    pub channels: usize,
    /// Added to the variance.
    pub epsilon: f32,
    /// `[C]`.
    pub weight: &'a Tensor,
    /// Shift and scale.
    pub modulation: Modulation<'a>,
    /// First columns of shift and scale.
    pub at: [usize; 2],
    /// The normalised rows, unless the norm is fused with a product: `[T, C]`.
    pub y: &'a Tensor,
}

impl Norm<'_> {
    pub(super) fn expect(&self) -> Result<()> {
        let (t, c) = (self.x.dim(0), self.x.dim(1));
        let Modulation { tensor, sequences } = self.modulation;
        if !(self.channels..self.channels + EIGHT).contains(&c) || self.channels == 0 {
            return Err(self.x.misfit(&[t, self.channels.next_multiple_of(EIGHT)]));
        }
        self.weight.expect(&[c])?;
        self.y.expect(&[t, c])?;
        let columns = self.at[0].max(self.at[1]).max(tensor.dim(1).saturating_sub(c)) + c;
        tensor.expect(&[sequences.count, columns])
    }

    /// Overrides of every kernel that computes it.
    pub(super) fn overrides(&self) -> [Override; 4] {
        [
            ("CHANNELS", self.channels as f64),
            ("EPSILON", f64::from(self.epsilon)),
            ("SHIFT_AT", self.at[0] as f64),
            ("SCALE_AT", self.at[1] as f64),
        ]
    }
}

impl Recorder<'_> {
    /// Computes the norm of rows into [`Norm::y`].
    ///
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn norm(&mut self, norm: Norm<'_>) -> Result<()> {
        norm.expect()?;
        let Norm { x, weight, modulation: Modulation { tensor, sequences }, y, .. } = norm;
        let (t, c) = (x.dim(0), x.dim(1));
        let mut overrides = vec![
            ("C", c as f64),
            ("SEQ_ROWS", sequences.rows as f64),
            ("SEQS", sequences.count as f64),
            ("STRIDE", tensor.dim(1) as f64),
            ("LANES", self.lanes()),
        ];
        overrides.extend(norm.overrides());
        overrides.extend(skipped("Y_SKIPPED", y));
        self.dispatch(NORM.of(y.memory()), &overrides, &[x, weight, tensor, y], [t, 1, 1])
    }
}
