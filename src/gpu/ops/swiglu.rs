//! The gated activation between the linear layers of an MLP, alone or fused with the first of them.

use crate::Result;
use crate::gpu::kernels::{SWIGLU, gated_tiling};
use crate::gpu::memory::{Tensor, Weight};
use crate::gpu::ops::input::Input;
use crate::gpu::ops::layout::{expect_memory, skipped, weights_overrides};
use crate::gpu::ops::product::Epilogue;
use crate::gpu::plan::Recorder;

impl Recorder<'_> {
    /// `y = silu(gate) * up`.
    ///
    /// # Shapes
    /// x `[T, 2F]`, the gates of a row, then what they let through; y `[T, F]`, F a multiple of 4.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn swiglu(&mut self, x: &Tensor, y: &Tensor) -> Result<()> {
        let (t, f) = (y.dim(0), y.dim(1).next_multiple_of(4));
        x.expect(&[t, 2 * f])?;
        y.expect(&[t, f])?;
        let mut overrides = vec![("F", f as f64), ("LANES", self.lanes())];
        overrides.extend(skipped("Y_SKIPPED", y));
        self.dispatch(SWIGLU.of(y.memory()), &overrides, &[x, y], [t, 1, 1])
    }

    /// The first half of a gated MLP: `gated = x w^T + bias`, then [`Recorder::swiglu`] of it. On GPUs one
    /// dispatch does both, and leaves `gated` as it was.
    ///
    /// # Shapes
    /// x `[T, K]`; w `[2F, K]`, bias `[2F]` or longer; gated `[T, 2F]`; y `[T, F]`, F a multiple of 4.
    /// # Errors
    /// As [`Recorder::matmul`] and [`Recorder::swiglu`].
    pub fn matmul_swiglu<'a>(
        &mut self,
        x: impl Into<Input<'a>>,
        (w, bias): (&Weight, &Tensor),
        gated: &Tensor,
        y: &Tensor,
    ) -> Result<()> {
        let (x, [n, k], t) = (x.into(), w.shape(), y.dim(0));
        let f = y.dim(1).next_multiple_of(4);
        y.expect(&[t, f])?;
        gated.expect(&[t, 2 * f])?;
        if n != 2 * f {
            return Err(gated.misfit(&[t, n]));
        }
        let fused = gated_tiling(self.gpu(), t, (w.shape(), w.dtype()));
        let fused = fused.filter(|_| !w.is_transposed());
        let (Some(tiling), [part]) = (fused, w.parts()) else {
            self.matmul(x, w, bias, Epilogue::Store, gated)?;
            return self.swiglu(gated, y);
        };
        bias.expect(&[bias.dim(0).max(n)])?;
        let read = self.read(x, &tiling)?;
        read.x.expect(&[t, k])?;
        expect_memory("matmul", read.x, part.table.memory())?;
        let mut overrides = vec![("N", n as f64)];
        overrides.extend(weights_overrides(w, part));
        overrides.extend(read.overrides());
        let mut bindings = vec![&part.table, read.x, bias, y];
        bindings.extend(read.bindings());
        let workgroups = [n.div_ceil(tiling.columns), t.div_ceil(tiling.rows), 1];
        self.dispatch(read.kernel, &overrides, &bindings, workgroups)
    }
}
