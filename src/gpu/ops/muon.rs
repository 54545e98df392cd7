//! The kernels of Muon, an optimiser of matrices: momentum, and an iteration of products that makes the
//! update nearly orthogonal.

use crate::Result;
use crate::gpu::kernels::{MUON_MOMENTUM, MUON_POLYNOMIAL, MUON_START, MUON_STEP};
use crate::gpu::memory::Tensor;
use crate::gpu::ops::layout::{flag, skipped};
use crate::gpu::ops::optimiser::{LANES, OUTCOME_WORDS, RATE_WORDS, each, expect_count, numbers};
use crate::gpu::plan::Recorder;

impl Recorder<'_> {
    /// Momentum of clipped gradients, and the update that looks ahead.
    ///
    /// # Shapes
    /// gradients, momentum and update of N numbers, a multiple of 4; outcome `[2]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn muon_momentum(
        &mut self,
        gradients: &Tensor,
        outcome: &Tensor,
        beta: f64,
        [momentum, update]: [&Tensor; 2],
    ) -> Result<()> {
        let count = numbers(gradients)?;
        [momentum, update].into_iter().try_for_each(|x| expect_count(x, count))?;
        outcome.expect(&[OUTCOME_WORDS])?;
        let overrides = [("COUNT", count as f64), ("LANES", LANES as f64), ("BETA", beta)];
        let bindings = [gradients, outcome, momentum, update];
        self.dispatch(&MUON_MOMENTUM, &overrides, &bindings, each(count))
    }

    /// The update, or its transpose where x is wider than high, divided by its norm.
    ///
    /// # Shapes
    /// update `[N, K]`, squares of any number of sums; x `[N, K]` or `[K, N]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn muon_start(&mut self, update: &Tensor, squares: &Tensor, x: &Tensor) -> Result<()> {
        let is_transposed = expect_sides(update, x)?;
        let chunks: usize = squares.shape().iter().product();
        let mut overrides = vec![
            ("ROWS", x.dim(0) as f64),
            ("COLUMNS", x.dim(1) as f64),
            ("CHUNKS", chunks as f64),
            ("TRANSPOSED", flag(is_transposed)),
            ("LANES", LANES as f64),
        ];
        overrides.extend(skipped("Y_SKIPPED", x));
        let kernel = MUON_START.of(x.memory());
        self.dispatch(kernel, &overrides, &[update, squares, x], each(numbers(x)?))
    }

    /// The polynomial of a symmetric matrix, from it and its square.
    ///
    /// # Shapes
    /// a, squared and b `[M, M]`; squared in a buffer, a and b in the same memory.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn muon_polynomial(&mut self, a: &Tensor, squared: &Tensor, b: &Tensor) -> Result<()> {
        let side = a.dim(0);
        [a, squared, b]
            .into_iter()
            .try_for_each(|x| x.expect(&[side, side.next_multiple_of(4)]))?;
        let mut overrides = vec![("SIDE", side as f64), ("LANES", LANES as f64)];
        overrides.extend(skipped("X_SKIPPED", a).into_iter().chain(skipped("Y_SKIPPED", b)));
        let kernel = MUON_POLYNOMIAL.of(b.memory());
        self.dispatch(kernel, &overrides, &[a, squared, b], each(side * side))
    }

    /// A step of weights by an update that the iteration made, or its transpose.
    ///
    /// # Shapes
    /// x `[N, K]` or `[K, N]`, rates `[8]`, outcome `[2]`, weights `[N, K]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn muon_step(
        &mut self,
        x: &Tensor,
        rates: &Tensor,
        outcome: &Tensor,
        scale: f64,
        weights: &Tensor,
    ) -> Result<()> {
        let is_transposed = expect_sides(weights, x)?;
        rates.expect(&[RATE_WORDS])?;
        outcome.expect(&[OUTCOME_WORDS])?;
        let mut overrides = vec![
            ("ROWS", weights.dim(0) as f64),
            ("COLUMNS", weights.dim(1) as f64),
            ("TRANSPOSED", flag(is_transposed)),
            ("SCALE", scale),
            ("LANES", LANES as f64),
        ];
        overrides.extend(skipped("X_SKIPPED", x));
        let kernel = MUON_STEP.of(x.memory());
        let bindings = [x, rates, outcome, weights];
        self.dispatch(kernel, &overrides, &bindings, each(numbers(weights)?))
    }
}

/// Whether x has the sides of a matrix the other way round.
fn expect_sides(matrix: &Tensor, x: &Tensor) -> Result<bool> {
    let (n, k) = (matrix.dim(0), matrix.dim(1));
    if x.shape() == [n, k] {
        return Ok(false);
    }
    x.expect(&[k, n])?;
    Ok(true)
}
