//! The gradient of a norm.

use crate::Result;
use crate::gpu::kernels::{BACKWARD_NORM, BACKWARD_NORM_MERGE, BACKWARD_NORM_SUMS};
use crate::gpu::memory::Tensor;
use crate::gpu::ops::backward::sums::Shares;
use crate::gpu::ops::layout::{flag, skipped};
use crate::gpu::ops::norm::Norm;
use crate::gpu::ops::sequences::Sequences;
use crate::gpu::plan::Recorder;

/// Where the gradients of a norm go.
#[derive(Clone, Copy, Debug)]
pub struct NormGradients<'a> {
    /// Of x, `[T, C]`.
    pub dx: &'a Tensor,
    /// Whether that is added to what is there.
    pub adds: bool,
    /// Of the weight, added to what is there, `[C]`.
    pub dweight: &'a Tensor,
    /// Of shift and scale, stored in the columns that these have in the modulation.
    pub dmodulation: &'a Tensor,
    /// Mean and inverse deviation of each row, room for `[T, 2]`.
    pub stats: &'a Tensor,
    /// Room, [`crate::gpu::column_sums_room`] of 2C columns.
    pub partials: &'a Tensor,
}

impl Recorder<'_> {
    /// The gradients of [`Recorder::norm`], from that of its result.
    ///
    /// # Shapes
    /// dy `[T, C]`, and those of [`Norm`] and [`NormGradients`]; all rows share one modulation. The
    /// result [`Norm::y`] is not read.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn backward_norm(
        &mut self,
        norm: Norm<'_>,
        dy: &Tensor,
        to: NormGradients<'_>,
    ) -> Result<()> {
        norm.expect()?;
        let NormGradients { dx, adds, dweight, dmodulation, stats, partials } = to;
        let Norm { x, weight, modulation, at: [shift_at, scale_at], .. } = norm;
        let (t, c) = (x.dim(0), x.dim(1));
        if modulation.sequences != Sequences::SHARED {
            return Err(modulation.tensor.misfit(&[1, modulation.tensor.dim(1)]));
        }
        dy.expect(&[t, c])?;
        dx.expect(&[t, c])?;
        dweight.expect(&[c])?;
        dmodulation.expect(&[1, modulation.tensor.dim(1)])?;
        stats.expect(&[t, 2])?;
        let shares = Shares::of(t);
        shares.expect_room(partials, 2 * c)?;
        let lanes = ("LANES", self.lanes());
        let (columns, scale) = (("C", c as f64), ("SCALE_AT", scale_at as f64));
        let channels = ("CHANNELS", norm.channels as f64);
        let epsilon = ("EPSILON", f64::from(norm.epsilon));
        let overrides = [columns, channels, epsilon, scale, ("ADD", flag(adds)), lanes];
        let bindings = [x, dy, weight, modulation.tensor, dx, stats];
        self.dispatch(&BACKWARD_NORM, &overrides, &bindings, [t, 1, 1])?;
        let overrides = [columns, ("T", t as f64), ("SHARE", shares.rows as f64), lanes];
        let groups = self.groups_of_columns(c);
        let bindings = [x, dy, stats, partials];
        self.dispatch(&BACKWARD_NORM_SUMS, &overrides, &bindings, [groups, shares.count, 1])?;
        let mut overrides = vec![columns, scale, lanes];
        overrides.extend([("SHIFT_AT", shift_at as f64), ("SHARES", shares.count as f64)]);
        overrides.extend(skipped("Y_SKIPPED", dmodulation));
        let bindings = [partials, weight, modulation.tensor, dweight, dmodulation];
        let kernel = BACKWARD_NORM_MERGE.of(dmodulation.memory());
        self.dispatch(kernel, &overrides, &bindings, [groups, 1, 1])
    }
}
