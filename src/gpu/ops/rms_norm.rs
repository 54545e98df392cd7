//! The RMS norm: of rows, and of each head of queries and keys.

use crate::Result;
use crate::gpu::kernels::{HEAD_NORM, RMS_NORM};
use crate::gpu::memory::{EIGHT, Override, Tensor};
use crate::gpu::ops::layout::skipped;
use crate::gpu::plan::Recorder;

/// An RMS norm of rows, `x / sqrt(mean(x^2) + epsilon) * weight`.
#[derive(Clone, Copy, Debug)]
pub struct RmsNorm<'a> {
    /// Rows, `[T, C]`, made by [`Tensor::activation`].
    pub x: &'a Tensor,
    /// Channels, the first columns of x. Fewer than eight columns may follow, zeros that pad a row.
    pub channels: usize,
    /// Added to the mean of the squares.
    pub epsilon: f32,
    /// `[C]`.
    pub weight: &'a Tensor,
    /// The normalised rows, unless the norm is fused with a product: `[T, C]`.
    pub y: &'a Tensor,
}

impl RmsNorm<'_> {
    pub(super) fn expect(&self) -> Result<()> {
        let (t, c) = (self.x.dim(0), self.x.dim(1));
        if !(self.channels..self.channels + EIGHT).contains(&c) || self.channels == 0 {
            return Err(self.x.misfit(&[t, self.channels.next_multiple_of(EIGHT)]));
        }
        self.weight.expect(&[c])?;
        self.y.expect(&[t, c])
    }

    /// Overrides of every kernel that computes it.
    pub(super) fn overrides(&self) -> [Override; 2] {
        [("CHANNELS", self.channels as f64), ("EPSILON", f64::from(self.epsilon))]
    }
}

/// RMS norms of the heads of queries and of keys.
#[derive(Clone, Copy, Debug)]
pub struct HeadNorm<'a> {
    /// Weights of a query head, then of a key head, `[2, D]`.
    pub weight: &'a Tensor,
    /// Query heads, H, and key heads, G.
    pub heads: [usize; 2],
    /// Channels of a head; zeros pad it to D.
    pub channels: usize,
    /// Added to the mean of the squares.
    pub epsilon: f32,
}

impl HeadNorm<'_> {
    /// D of queries, keys and values `[T, (H + 2G) * D]`.
    pub(super) fn expect(&self, qkv: &Tensor) -> Result<usize> {
        let HeadNorm { weight, heads: [queries, keys], channels, .. } = *self;
        let d = weight.dim(1);
        let is_held = (channels..channels + EIGHT).contains(&d) && channels > 0;
        weight.expect(&[2, if is_held { d } else { channels.next_multiple_of(EIGHT) }])?;
        qkv.expect(&[qkv.dim(0), (queries + 2 * keys) * d])?;
        Ok(d)
    }

    /// Overrides of every kernel that computes it.
    pub(super) fn overrides(&self) -> [Override; 2] {
        [("CHANNELS", self.channels as f64), ("EPSILON", f64::from(self.epsilon))]
    }
}

impl Recorder<'_> {
    /// Computes the RMS norm of rows into [`RmsNorm::y`].
    ///
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn rms_norm(&mut self, norm: RmsNorm<'_>) -> Result<()> {
        norm.expect()?;
        let RmsNorm { x, weight, y, .. } = norm;
        let mut overrides = vec![("C", x.dim(1) as f64), ("LANES", self.lanes())];
        overrides.extend(norm.overrides());
        overrides.extend(skipped("Y_SKIPPED", y));
        self.dispatch(RMS_NORM.of(y.memory()), &overrides, &[x, weight, y], [x.dim(0), 1, 1])
    }

    /// Normalises the heads of queries and keys in place.
    ///
    /// # Shapes
    /// qkv `[T, (H + 2G) * D]`, and those of [`HeadNorm`].
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn head_norm(&mut self, qkv: &Tensor, norm: HeadNorm<'_>) -> Result<()> {
        let (d, [queries, keys]) = (norm.expect(qkv)?, norm.heads);
        let mut overrides = vec![("H", queries as f64), ("G", keys as f64), ("D", d as f64)];
        overrides.push(("LANES", self.lanes()));
        overrides.extend(norm.overrides());
        let workgroups = [queries + keys, qkv.dim(0), 1];
        self.dispatch(&HEAD_NORM, &overrides, &[norm.weight, qkv], workgroups)
    }
}
