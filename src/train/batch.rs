//! What a pass of training runs on. Every objective is the same sum over positions,
//! `sum of weight * -log p(target)`: what differs is data, and what rows see.

use crate::model::{Mask, Spec};
use crate::{Error, Result};

/// The shape of the passes of a [`crate::train::Backward`], which records its plans for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainShape {
    /// Sequences, B.
    pub sequences: usize,
    /// Tokens of a sequence, n.
    pub length: usize,
    /// Whether batches have clean tokens beside the noised ones: the pass is over
    /// `[inputs ; clean]`, 2n rows a sequence.
    pub has_clean: bool,
}

/// Sequences to learn from, with what is to be predicted at each position.
///
/// | objective | inputs | clean | targets | weights | mask |
/// |---|---|---|---|---|---|
/// | block diffusion | noised | the text | the text | `1 / t` where masked, else 0 | `Blocks(size)` |
/// | masked diffusion | noised | none | the text | the same | `All` |
/// | autoregressive | the text | none | the text, one position on | 1, 0 at the end | `Before` |
///
/// Weights are to hold the divisor of the mean: the loss is their plain sum.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainBatch {
    /// Tokens that the rows read, `[B, n]`.
    pub inputs: Vec<u32>,
    /// Tokens of the finished blocks that noised rows see, `[B, n]`; only where the shape has them.
    pub clean: Option<Vec<u32>>,
    /// Tokens to be predicted, `[B, n]`.
    pub targets: Vec<u32>,
    /// What `-log p(target)` is multiplied with, `[B, n]`. A position with weight 0 costs nothing in
    /// the head, and its `-log p` is given as 0.
    pub weights: Vec<f32>,
    /// What a row sees. It may differ from batch to batch.
    pub mask: Mask,
}

impl TrainShape {
    /// Tokens of a batch, B n.
    pub fn tokens(self) -> usize {
        self.sequences * self.length
    }

    /// Rows of a pass, T.
    pub fn rows(self) -> usize {
        self.tokens() * if self.has_clean { 2 } else { 1 }
    }

    /// Fails unless the network can be trained on such passes.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check(self, spec: &Spec) -> Result<()> {
        let (n, window) = (self.length, spec.window);
        if self.tokens() == 0 || n > window {
            let words = format!(
                "a pass has {} sequences of {n} tokens, expected some, of 1 to {window} tokens",
                self.sequences
            );
            return Err(Error::request(words));
        }
        Ok(())
    }
}

impl TrainBatch {
    /// Fails unless the batch has this shape and its tokens are of the vocabulary.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn check(&self, spec: &Spec, shape: TrainShape) -> Result<()> {
        let tokens = shape.tokens();
        let clean = self.clean.as_ref();
        let counts = [
            ("inputs", self.inputs.len(), tokens),
            ("clean", clean.map_or(0, Vec::len), if shape.has_clean { tokens } else { 0 }),
            ("targets", self.targets.len(), tokens),
            ("weights", self.weights.len(), tokens),
        ];
        if let Some((what, got, wanted)) = counts.into_iter().find(|(_, got, wanted)| got != wanted)
        {
            return Err(Error::request(format!("{what} holds {got} numbers, expected {wanted}")));
        }
        let is_possible = match self.mask {
            Mask::Blocks { size, offset } => offset < size,
            Mask::All | Mask::Before => !shape.has_clean,
        };
        if !is_possible {
            let words = format!("{:?} is no mask of such rows, expected blocks", self.mask);
            return Err(Error::request(words));
        }
        if let Some(weight) = self.weights.iter().find(|weight| !weight.is_finite()) {
            return Err(Error::request(format!("a weight is {weight}, expected a finite number")));
        }
        let all = [&self.inputs, &self.targets].into_iter().chain(clean);
        all.into_iter().try_for_each(|ids| spec.check_ids(ids))
    }
}
