//! One pass forward and backward, recorded once for its shape.

use crate::train::{Parameters, TrainBatch, TrainShape};
use crate::{Error, Result};

/// How passes are run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BackwardOptions {
    /// Probability with which dropout zeroes a number, 0 to below 1.
    pub dropout: f32,
    /// Bytes of activations that are kept from the forward pass; if more were needed, layers are run
    /// again in the backward pass.
    pub max_kept_bytes: u64,
}

impl Default for BackwardOptions {
    fn default() -> BackwardOptions {
        BackwardOptions { dropout: 0.0, max_kept_bytes: 2 << 30 }
    }
}

/// The pass of training: adds to the gradients of the parameters that it was made for.
#[derive(Debug)]
pub struct Backward {
    shape: TrainShape,
}

impl Backward {
    /// Records the plans, and makes room for the activations.
    ///
    /// # Errors
    /// [`Error::Request`] for a shape or an option out of range, or a network that cannot be trained;
    /// [`Error::TooLarge`], [`Error::OutOfMemory`], [`Error::Kernel`].
    pub fn new(
        parameters: &Parameters,
        shape: TrainShape,
        options: BackwardOptions,
    ) -> Result<Backward> {
        shape.check(parameters.spec())?;
        if !(0.0..1.0).contains(&options.dropout) {
            let words = format!("dropout is {}, expected 0 to below 1", options.dropout);
            return Err(Error::request(words));
        }
        Ok(Backward { shape })
    }

    /// The shape of its batches.
    pub fn shape(&self) -> TrainShape {
        self.shape
    }

    /// Adds the gradient of `sum of weight * -log p(target)` to the parameters' gradients, and returns
    /// `-log p(target)` of every position, 0 where its weight is 0. Dropout is drawn by the seed.
    ///
    /// # Shapes
    /// `[B, n]`.
    /// # Errors
    /// [`Error::Request`] for a batch of another shape, [`Error::DeviceLost`].
    pub async fn forward_backward(&self, batch: &TrainBatch, seed: u64) -> Result<Vec<f32>> {
        let _ = (batch, seed);
        Err(Error::internal("the backward pass is not there yet"))
    }

    /// `-log p(target)` of every position, 0 where its weight is 0, without dropout and gradients.
    ///
    /// # Shapes
    /// `[B, n]`.
    /// # Errors
    /// As [`Backward::forward_backward`].
    pub async fn forward(&self, batch: &TrainBatch) -> Result<Vec<f32>> {
        let _ = batch;
        Err(Error::internal("the backward pass is not there yet"))
    }
}
