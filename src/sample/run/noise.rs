//! The noise level of each step, for networks that are conditioned on it.

use crate::Result;
use crate::gpu::{Commands, DType, KernelFamily, Planned, Sequences, Tensor};
use crate::model::{Conditioning, Network, Spec, Widths};

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
        let (gpu, spec) = (network.gpu(), network.spec());
        let vectors = planned_vectors(spec, steps).make(gpu)?;
        let conditioning = Conditioning::new(gpu, spec, &vector, Sequences::SHARED)?;
        Ok(Some(Noise { conditioning, vectors }))
    }

    /// Bytes that [`Noise::new`] takes.
    pub fn size_bytes(spec: &Spec, steps: usize, kernels: KernelFamily) -> u64 {
        if !spec.takes_noise() {
            return 0;
        }
        planned_vectors(spec, steps).bytes(kernels) + Conditioning::size_bytes(spec, 1, kernels)
    }

    /// Writes the noise levels of the steps to come.
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

fn planned_vectors(spec: &Spec, steps: usize) -> Planned<'static> {
    let width = Widths::of(spec).condition.held();
    Planned::plain("noise", &[steps, width], DType::F32, 1)
}
