//! The conditioning vector of noise level 0, and adaLN, which makes shifts, scales and gates of it: the
//! network of `sigma_map` and one linear layer for each layer of the network.

use crate::Result;
use crate::gpu::{Activation, DType, Epilogue, Gpu, Recorder, Tensor};
use crate::model::{AdaLn, Spec, Widths, timestep_embedding};
use crate::train::linear::{Held, Linear};

/// From the noise level to the conditioning vector, `silu(second(silu(first(embedding))))`, with what its
/// passes compute.
#[derive(Debug)]
pub struct SigmaMap {
    first: Linear,
    second: Linear,
    embedding: Tensor, // [1, 256]
    z1: Tensor,        // [1, cond]
    a1: Tensor,        // [1, cond]
    z2: Tensor,        // [1, cond]
    vector: Tensor,    // [1, cond]
    dvector: Tensor,   // [1, cond]
    dz: Tensor,        // [1, cond]
    da: Tensor,        // [1, cond]
}

/// The modulation of a layer, a row of constants or made of the conditioning vector.
#[derive(Debug)]
pub struct Modulated {
    /// `[1, chunks C]`.
    pub row: Tensor,
    /// Its gradient.
    pub gradient: Tensor,
    linear: Option<Linear>,
}

impl SigmaMap {
    /// That of a network, where it has one.
    ///
    /// # Errors
    /// [`crate::Error::OutOfMemory`].
    pub fn new(gpu: &Gpu, spec: &Spec, held: &Held<'_>) -> Result<Option<SigmaMap>> {
        if spec.adaln == AdaLn::Absent {
            return Ok(None);
        }
        let linear = |i: usize| {
            let name = |tensor: &str| format!("sigma_map.mlp.{i}.{tensor}");
            held.linear(&name("weight"), Some(&name("bias")))
        };
        let shape = [1, Widths::of(spec).condition.held()];
        let plain = |label: &str| Tensor::activation(gpu, label, &shape);
        let multiplied = |label: &str| Tensor::multiplied(gpu, label, &shape);
        let numbers = timestep_embedding(0.0);
        let embedding = Tensor::multiplied(gpu, "timestep", &[1, numbers.len()])?;
        embedding.write(gpu, &numbers)?;
        Ok(Some(SigmaMap {
            first: linear(0)?,
            second: linear(2)?,
            embedding,
            z1: plain("z1")?,
            a1: multiplied("a1")?,
            z2: plain("z2")?,
            vector: multiplied("condition")?,
            dvector: plain("gradient of the condition")?,
            dz: multiplied("dz")?,
            da: plain("da")?,
        }))
    }

    /// Records the pass forward.
    ///
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn forward(&self, r: &mut Recorder<'_>) -> Result<()> {
        self.first.forward(r, &self.embedding, &self.z1)?;
        r.activation(Activation::Silu, &self.z1, &self.a1)?;
        self.second.forward(r, &self.a1, &self.z2)?;
        r.activation(Activation::Silu, &self.z2, &self.vector)
    }

    /// Records the pass backward.
    ///
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn backward(&self, r: &mut Recorder<'_>, partials: &Tensor) -> Result<()> {
        let to = Some((Epilogue::Store, &self.da));
        r.backward_activation(Activation::Silu, &self.z2, &self.dvector, &self.dz)?;
        self.second.backward(r, [&self.a1, &self.dz], partials, to)?;
        r.backward_activation(Activation::Silu, &self.z1, &self.da, &self.dz)?;
        self.first.backward(r, [&self.embedding, &self.dz], partials, None)
    }
}

impl Modulated {
    /// The modulation of a layer of so many chunks; the constants of a network without adaLN are a row.
    ///
    /// # Errors
    /// [`crate::Error::OutOfMemory`].
    pub fn new(
        gpu: &Gpu,
        held: &Held<'_>,
        name: &str,
        constants: &[f32],
        has_map: bool,
    ) -> Result<Modulated> {
        let shape = [1, constants.len()];
        let gradient = Tensor::multiplied(gpu, "gradient of the modulation", &shape)?;
        if !has_map {
            let row = Tensor::from_slice(gpu, "modulation", &shape, DType::F32, constants)?;
            return Ok(Modulated { row, gradient, linear: None });
        }
        let row = Tensor::activation(gpu, "modulation", &shape)?;
        let linear = held.linear(&format!("{name}.weight"), Some(&format!("{name}.bias")))?;
        Ok(Modulated { row, gradient, linear: Some(linear) })
    }

    /// Records the pass forward.
    ///
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn forward(&self, r: &mut Recorder<'_>, map: Option<&SigmaMap>) -> Result<()> {
        match (&self.linear, map) {
            (Some(linear), Some(map)) => linear.forward(r, &map.vector, &self.row),
            _ => Ok(()),
        }
    }

    /// Records the pass backward; the gradient of the conditioning vector is stored, or added.
    ///
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn backward(
        &self,
        r: &mut Recorder<'_>,
        map: Option<&SigmaMap>,
        to: Epilogue<'_>,
        partials: &Tensor,
    ) -> Result<()> {
        match (&self.linear, map) {
            (Some(linear), Some(map)) => {
                let rows = [&map.vector, &self.gradient];
                linear.backward(r, rows, partials, Some((to, &map.dvector)))
            }
            _ => Ok(()),
        }
    }
}
