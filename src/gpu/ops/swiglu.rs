//! The gated activation between the linear layers of an MLP.

use crate::Result;
use crate::gpu::kernels::SWIGLU;
use crate::gpu::memory::Tensor;
use crate::gpu::ops::layout::skipped;
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
}
