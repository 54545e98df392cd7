//! The kernels of likelihoods: picking rows, and cross-entropy over chunks of the vocabulary.

use crate::Result;
use crate::gpu::kernels::{CROSS_ENTROPY, GATHER};
use crate::gpu::memory::Tensor;
use crate::gpu::ops::Vocabulary;
use crate::gpu::ops::layout::skipped;
use crate::gpu::plan::Recorder;

/// Words of a row's sums: highest logit, sum, the target's logit, first token of the next chunk.
pub const SUM_WORDS: usize = 4;

impl Recorder<'_> {
    /// `y[t] = x[rows[t]]`.
    ///
    /// # Shapes
    /// x `[T, C]`, rows `[R]`, y `[R, C]`; x and y in the same memory.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn gather(&mut self, x: &Tensor, rows: &Tensor, y: &Tensor) -> Result<()> {
        let (r, c) = (rows.dim(0), x.dim(1));
        y.expect(&[r, c])?;
        let mut overrides = vec![("C", c as f64), ("LANES", self.lanes())];
        overrides.extend(skipped("X_SKIPPED", x).into_iter().chain(skipped("Y_SKIPPED", y)));
        self.dispatch(GATHER.of(y.memory()), &overrides, &[x, rows, y], [r, 1, 1])
    }

    /// Adds the next chunk of the vocabulary, `columns` tokens, to the rows' sums.
    ///
    /// # Shapes
    /// logits `[T, columns or wider]`, a multiple of 4; targets `[T]`, sums `[T, 4]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn cross_entropy(
        &mut self,
        logits: &Tensor,
        columns: usize,
        targets: &Tensor,
        vocabulary: Vocabulary,
        sums: &Tensor,
    ) -> Result<()> {
        let t = targets.dim(0);
        logits.expect(&[t, logits.dim(1).max(columns).next_multiple_of(4)])?;
        sums.expect(&[t, SUM_WORDS])?;
        let overrides = [
            ("V", vocabulary.size as f64),
            ("COLUMNS", columns as f64),
            ("STRIDE", logits.dim(1) as f64),
            ("MASK", f64::from(vocabulary.mask_id)),
            ("LANES", self.lanes()),
        ];
        self.dispatch(&CROSS_ENTROPY, &overrides, &[logits, targets, sums], [t, 1, 1])
    }
}
