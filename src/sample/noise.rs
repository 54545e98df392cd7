//! What a network that is conditioned on the noise is told at each step.

use crate::Result;
use crate::gpu::{Commands, DType, Sequences, Tensor};
use crate::model::{Conditioning, Network};

/// Conditioning of the pass at hand, and the vectors of all steps.
pub struct Noise {
    /// Of the pass.
    pub conditioning: Conditioning,
    vectors: Tensor, // [steps, cond]
}

impl Noise {
    /// Room for the vectors of so many steps, where the network takes them.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`], [`crate::Error::OutOfMemory`].
    pub fn new(network: &Network, steps: usize) -> Result<Option<Noise>> {
        let Some(vector) = network.condition(Some(&[0.0]))? else { return Ok(None) };
        let vectors =
            Tensor::padded(network.gpu(), "noise", &[steps, vector.len()], DType::F32, 1)?;
        let conditioning = Conditioning::new(network, &vector, Sequences::SHARED)?;
        Ok(Some(Noise { conditioning, vectors }))
    }

    /// Tells the noise levels of the steps to come.
    ///
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn write(&self, network: &Network, sigma: &[f32]) -> Result<()> {
        match network.condition(Some(sigma))? {
            Some(vectors) => self.vectors.write(network.gpu(), &vectors),
            None => Ok(()),
        }
    }

    /// Makes a step's vector that of the pass.
    ///
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn encode(&self, commands: &mut Commands, step: usize) -> Result<()> {
        let bytes = (4 * self.vectors.dim(1)) as u64;
        commands.copy((&self.vectors, step as u64 * bytes), &self.conditioning.vectors, bytes)
    }

    /// Every tensor.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        std::iter::once(&self.vectors).chain(self.conditioning.tensors())
    }
}
