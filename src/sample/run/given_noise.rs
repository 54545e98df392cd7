//! Noise that the host program gives, for comparing with other implementations. Knows no GPU object.

use crate::gpu::Choice;
use crate::model::Spec;
use crate::sample::run::capacity::Capacity;
use crate::sample::run::request::Request;
use crate::{Error, Result};

/// The random numbers of a run of one sample whose cells are distributions over the vocabulary, n cells
/// of a block and T steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GivenNoise {
    /// Unit normals that blocks begin with, `[blocks, n, V]`.
    pub initial: Vec<f32>,
    /// Unit normals that come after each step, `[blocks, T, n, V]`.
    pub steps: Vec<f32>,
    /// What tokens are drawn with, 0 to 1, `[blocks, T, n]`; none where none are drawn.
    pub uniforms: Vec<f32>,
}

impl GivenNoise {
    /// Fails unless it is the noise of a request after a prompt.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub(super) fn check(
        &self,
        request: &Request,
        (capacity, n_prompt): (&Capacity, usize),
        spec: &Spec,
    ) -> Result<()> {
        let refuse = |words: String| Err(Error::request(words));
        let Some(simplex) = capacity.simplex else {
            let family = spec.family();
            return refuse(format!(
                "noise is given to a checkpoint that is {family}, expected simplex diffusion (SSD-LM)"
            ));
        };
        if request.samples != 1 {
            return refuse(format!("noise is given to {} samples, expected 1", request.samples));
        }
        let size = capacity.block_size;
        let blocks = request.length.saturating_sub(n_prompt).div_ceil(size);
        let cells = blocks * size;
        let steps = capacity.steps.saturating_sub(1);
        let drawn = if simplex.choice == Choice::Drawn { steps * cells } else { 0 };
        for (what, got, wanted) in [
            ("initial normals", self.initial.len(), cells * spec.vocab_size),
            ("normals", self.steps.len(), steps * cells * spec.vocab_size),
            ("uniforms", self.uniforms.len(), drawn),
        ] {
            if got != wanted {
                return refuse(format!(
                    "the noise has {got} {what}, expected {wanted} for {blocks} blocks of {size} \
                     cells in {steps} steps"
                ));
            }
        }
        Ok(())
    }

    /// The noise of a block, by steps of `size` numbers, the initial one last; and its uniforms.
    pub(super) fn of_block(&self, block: usize, steps: usize, size: usize) -> (Vec<f32>, &[f32]) {
        let part = |all: &'_ [f32], size: usize| -> std::ops::Range<usize> {
            let from = (block * size).min(all.len());
            from..(from + size).min(all.len())
        };
        let taken = steps.saturating_sub(1);
        let mut normals = self.steps[part(&self.steps, taken * size)].to_vec();
        normals.extend_from_slice(&self.initial[part(&self.initial, size)]);
        let blocks = (self.initial.len() / size.max(1)).max(1);
        (normals, &self.uniforms[part(&self.uniforms, self.uniforms.len() / blocks)])
    }
}
