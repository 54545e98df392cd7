//! The gradient of a product's weight. (That of its rows is a product with the transposed weight.)

use crate::Result;
use crate::gpu::device::Gpu;
use crate::gpu::kernels::{
    GradientTiling, WEIGHT_GRADIENT_MERGE, WEIGHT_GRADIENT_OUTER, WEIGHT_GRADIENT_TILED,
    gradient_tiling,
};
use crate::gpu::memory::Tensor;
use crate::gpu::ops::layout::{expect_memory, flag, skipped};
use crate::gpu::plan::Recorder;

/// Numbers of the room for the shares of a weight's gradient: none where it is summed at once.
pub fn weight_gradient_room(gpu: &Gpu, rows: usize, shape: [usize; 2]) -> usize {
    match gradient_tiling(gpu, rows, shape) {
        GradientTiling::Tiled { share } if share < rows => {
            rows.div_ceil(share) * shape[0] * shape[1]
        }
        _ => 0,
    }
}

impl Recorder<'_> {
    /// `dw += dy^T x`: the gradient of `y = x w^T` by w.
    ///
    /// # Shapes
    /// dy `[T, N or wider]`, x `[T, K]`, both made by [`Tensor::multiplied`]; dw `[N, K]`; partials
    /// `[`[`weight_gradient_room`]` or more]`.
    /// # Errors
    /// [`crate::Error::Shape`]; [`crate::Error::Kernel`] if dy or x is in another memory.
    pub fn weight_gradient(
        &mut self,
        dy: &Tensor,
        x: &Tensor,
        partials: &Tensor,
        dw: &Tensor,
    ) -> Result<()> {
        let (t, n, k) = (dy.dim(0), dw.dim(0), dw.dim(1));
        dy.expect(&[t, dy.dim(1).max(n).next_multiple_of(4)])?;
        x.expect(&[t, k.next_multiple_of(4)])?;
        for rows in [dy, x] {
            expect_memory("weight_gradient", rows, self.family().product_memory())?;
        }
        let sizes =
            [("T", t as f64), ("N", n as f64), ("DY_STRIDE", dy.dim(1) as f64), ("K", k as f64)];
        match gradient_tiling(self.gpu(), t, [n, k]) {
            GradientTiling::Outer { is_wide, columns } => {
                let mut overrides = sizes.to_vec();
                overrides.push(("LANES", self.gpu().subgroup_lanes() as f64));
                overrides.push(("WIDE", flag(is_wide)));
                overrides
                    .extend(skipped("DY_SKIPPED", dy).into_iter().chain(skipped("X_SKIPPED", x)));
                let groups = [k.div_ceil(columns), n.div_ceil(16), 1];
                self.dispatch(&WEIGHT_GRADIENT_OUTER, &overrides, &[dy, x, dw], groups)
            }
            GradientTiling::Tiled { share } => {
                let shares = t.div_ceil(share);
                let add = shares == 1;
                let y = if add { dw } else { partials };
                let rest = [("SHARE", share as f64), ("ADD", flag(add))];
                let overrides: Vec<_> = sizes.into_iter().chain(rest).collect();
                let groups = [k.div_ceil(64), n.div_ceil(64), shares];
                if !add {
                    partials.expect(&[partials.dim(0).max(shares * n * k)])?;
                }
                self.dispatch(&WEIGHT_GRADIENT_TILED, &overrides, &[dy, x, y], groups)?;
                if add { Ok(()) } else { self.merge_weight_gradient(partials, shares, dw) }
            }
        }
    }

    fn merge_weight_gradient(
        &mut self,
        partials: &Tensor,
        shares: usize,
        dw: &Tensor,
    ) -> Result<()> {
        const LANES: usize = 64;
        const MAX_GROUPS: usize = 1 << 15;
        let count = dw.dim(0) * dw.dim(1) / 4;
        let groups = count.div_ceil(LANES);
        let across = groups.min(MAX_GROUPS);
        let overrides = [
            ("COUNT", count as f64),
            ("SHARES", shares as f64),
            ("WIDTH", (across * LANES) as f64),
        ];
        let groups = [across, groups.div_ceil(across), 1];
        self.dispatch(&WEIGHT_GRADIENT_MERGE, &overrides, &[partials, dw], groups)
    }
}
