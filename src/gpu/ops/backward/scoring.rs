//! The loss, and its gradient by the logits.

use crate::Result;
use crate::gpu::kernels::BACKWARD_CROSS_ENTROPY;
use crate::gpu::memory::Tensor;
use crate::gpu::ops::Vocabulary;
use crate::gpu::ops::layout::skipped;
use crate::gpu::plan::Recorder;

impl Recorder<'_> {
    /// `-log p` of each row's target, and the gradient of `weight * -log p` by its logits.
    ///
    /// # Shapes
    /// logits `[T, V or wider]`, a multiple of 4, and dlogits of the same shape, 0 in the columns after
    /// V; targets, weights and losses `[T]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn backward_cross_entropy(
        &mut self,
        logits: &Tensor,
        [targets, weights]: [&Tensor; 2],
        vocabulary: Vocabulary,
        [losses, dlogits]: [&Tensor; 2],
    ) -> Result<()> {
        let t = logits.dim(0);
        logits.expect(&[t, logits.dim(1).max(vocabulary.size).next_multiple_of(4)])?;
        dlogits.expect(logits.shape())?;
        [targets, weights, losses].into_iter().try_for_each(|tensor| tensor.expect(&[t]))?;
        let mut overrides = vec![
            ("V", vocabulary.size as f64),
            ("STRIDE", logits.dim(1) as f64),
            ("MASK", f64::from(vocabulary.mask_id)),
            ("LANES", self.lanes()),
        ];
        overrides.extend(skipped("Y_SKIPPED", dlogits));
        let bindings = [logits, targets, weights, losses, dlogits];
        let kernel = BACKWARD_CROSS_ENTROPY.of(dlogits.memory());
        self.dispatch(kernel, &overrides, &bindings, [t, 1, 1])
    }
}
