//! Linear layers and norms with biases, as the older networks have them.

use crate::Result;
use crate::gpu::{Modulation, Norm, Sequences, Tensor, Weight};
use crate::model::NormSpec;
use crate::model::load::Loader;

/// A linear layer.
#[derive(Debug)]
pub struct Linear {
    /// `[N, K]`.
    pub weight: Weight,
    /// `[N]`.
    pub bias: Tensor,
}

/// A norm whose bias is the shift of a modulation that all rows share.
#[derive(Debug)]
pub struct BiasedNorm {
    weight: Tensor, // [C]
    shift: Tensor,  // [1, 2C]: the bias, then a scale of 0
    spec: NormSpec,
    channels: [usize; 2], // in the checkpoint, on the device
}

impl Linear {
    /// Reads `name.weight` and `name.bias`.
    ///
    /// # Errors
    /// As [`Loader::matrix`].
    pub fn load(loader: &Loader<'_>, name: &str) -> Result<Linear> {
        let weight = loader.matrix(&format!("{name}.weight"), None)?;
        Ok(Linear { weight, bias: loader.vector(&format!("{name}.bias"), None)? })
    }
}

impl BiasedNorm {
    /// Reads `name.weight` and `name.bias`.
    ///
    /// # Errors
    /// As [`Loader::matrix`].
    pub fn load(loader: &Loader<'_>, name: &str) -> Result<BiasedNorm> {
        let mut shift = loader.checkpoint.tensor(&format!("{name}.bias"))?;
        shift.resize(2 * shift.len(), 0.0);
        let weight = loader.vector(&format!("{name}.weight"), None)?;
        let channels = [loader.widths.channels.count(), loader.widths.channels.held()];
        let shift = loader.constants(name, &shift)?;
        Ok(BiasedNorm { weight, shift, spec: loader.spec().norm, channels })
    }

    /// The norm from x to y, both `[rows, C]`.
    pub fn of<'a>(&'a self, [x, y]: [&'a Tensor; 2]) -> Norm<'a> {
        let modulation = Modulation { tensor: &self.shift, sequences: Sequences::SHARED };
        let [channels, held] = self.channels;
        let (weight, epsilon) = (&self.weight, self.spec.epsilon);
        Norm { x, weight, modulation, at: [0, held], channels, epsilon, y }
    }
}
