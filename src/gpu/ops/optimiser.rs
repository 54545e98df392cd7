//! The kernels of an optimiser: the gradients' norm, AdamW, the moving average of the weights.

use crate::Result;
use crate::gpu::kernels::{ADAMW, GRADIENT_CLIP, GRADIENT_SQUARES, MOVING_AVERAGE};
use crate::gpu::memory::Tensor;
use crate::gpu::plan::Recorder;

/// Numbers that a step hands to its kernels, as `rates.wgsl` lays them out.
pub const RATE_WORDS: usize = 8;
/// Numbers that come of a step: the gradients' norm, and what they were multiplied with.
pub const OUTCOME_WORDS: usize = 2;
/// Gradients whose squares one workgroup adds up.
const SQUARES_CHUNK: usize = 1 << 14;
/// Invocations of a workgroup of kernels that do each number alone.
pub(super) const LANES: usize = 64;

/// What AdamW reads and changes.
#[derive(Clone, Copy, Debug)]
pub struct Adam<'a> {
    /// Gradients, `[N]`.
    pub gradients: &'a Tensor,
    /// `[8]`.
    pub rates: &'a Tensor,
    /// `[2]`.
    pub outcome: &'a Tensor,
    /// `[N]`.
    pub weights: &'a Tensor,
    /// First and second moments, `[N]`.
    pub moments: [&'a Tensor; 2],
    /// Decay of each moment.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

/// Sums of squares that [`Recorder::gradient_squares`] makes of `count` gradients.
pub fn square_chunks(count: usize) -> usize {
    count.div_ceil(SQUARES_CHUNK)
}

impl Recorder<'_> {
    /// Sums of squares of gradients, chunk by chunk.
    ///
    /// # Shapes
    /// gradients of N numbers, a multiple of 4; squares `[square_chunks(N)]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn gradient_squares(&mut self, gradients: &Tensor, squares: &Tensor) -> Result<()> {
        let count = numbers(gradients)?;
        let chunks = square_chunks(count);
        squares.expect(&[chunks])?;
        let overrides =
            [("COUNT", count as f64), ("CHUNK", SQUARES_CHUNK as f64), ("LANES", self.lanes())];
        self.dispatch(&GRADIENT_SQUARES, &overrides, &[gradients, squares], [chunks, 1, 1])
    }

    /// The norm of all gradients, and what a step multiplies them with.
    ///
    /// # Shapes
    /// squares of any number of sums, rates `[8]`, outcome `[2]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn gradient_clip(
        &mut self,
        squares: &Tensor,
        rates: &Tensor,
        outcome: &Tensor,
    ) -> Result<()> {
        rates.expect(&[RATE_WORDS])?;
        outcome.expect(&[OUTCOME_WORDS])?;
        let count: usize = squares.shape().iter().product();
        let overrides = [("COUNT", count as f64), ("LANES", self.lanes())];
        self.dispatch(&GRADIENT_CLIP, &overrides, &[squares, rates, outcome], [1, 1, 1])
    }

    /// A step of AdamW.
    ///
    /// # Shapes
    /// As in [`Adam`]; N is a multiple of 4.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn adamw(&mut self, adam: Adam<'_>) -> Result<()> {
        let Adam { gradients, rates, outcome, weights, moments: [first, second], .. } = adam;
        let count = numbers(weights)?;
        [gradients, first, second].into_iter().try_for_each(|x| expect_count(x, count))?;
        rates.expect(&[RATE_WORDS])?;
        outcome.expect(&[OUTCOME_WORDS])?;
        let [beta1, beta2] = adam.betas;
        let overrides = [
            ("COUNT", count as f64),
            ("LANES", LANES as f64),
            ("BETA1", beta1),
            ("BETA2", beta2),
            ("NEW1", 1.0 - beta1),
            ("NEW2", 1.0 - beta2),
            ("EPSILON", adam.epsilon),
        ];
        let bindings = [gradients, rates, outcome, weights, first, second];
        self.dispatch(&ADAMW, &overrides, &bindings, each(count))
    }

    /// A step of the moving average of weights.
    ///
    /// # Shapes
    /// weights and average of N numbers, a multiple of 4; rates `[8]`, outcome `[2]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn moving_average(
        &mut self,
        weights: &Tensor,
        rates: &Tensor,
        outcome: &Tensor,
        average: &Tensor,
    ) -> Result<()> {
        let count = numbers(weights)?;
        expect_count(average, count)?;
        rates.expect(&[RATE_WORDS])?;
        outcome.expect(&[OUTCOME_WORDS])?;
        let overrides = [("COUNT", count as f64), ("LANES", LANES as f64)];
        let bindings = [weights, rates, outcome, average];
        self.dispatch(&MOVING_AVERAGE, &overrides, &bindings, each(count))
    }
}

/// Numbers of a tensor, which must be whole vectors of four.
pub(super) fn numbers(tensor: &Tensor) -> Result<usize> {
    let count: usize = tensor.shape().iter().product();
    match count.is_multiple_of(4) {
        true => Ok(count),
        false => Err(tensor.misfit(&[count.next_multiple_of(4)])),
    }
}

pub(super) fn expect_count(tensor: &Tensor, wanted: usize) -> Result<()> {
    let count: usize = tensor.shape().iter().product();
    if count == wanted { Ok(()) } else { Err(tensor.misfit(&[wanted])) }
}

/// Workgroups for kernels that do each number alone, four to an invocation.
pub(super) fn each(count: usize) -> [usize; 3] {
    /// Workgroups in a line; WebGPU allows 65,535.
    const LINE: usize = 1 << 15;
    let groups = count.div_ceil(4 * LANES);
    [groups.min(LINE), groups.div_ceil(LINE), 1]
}
