//! The conditioning vector and what adaLN makes of it, on the CPU. Where the noise level is not
//! given to the network all of it is constant and folded into the weights at load.

use crate::Result;
use crate::model::checkpoint::{Checkpoint, TIMESTEP_WIDTH};

/// The network from noise level to conditioning vector: `silu(mlp(timestep_embedding(sigma)))`.
#[derive(Debug)]
pub struct SigmaMap {
    first: CpuLinear,
    second: CpuLinear,
}

/// A small linear layer on the CPU.
#[derive(Debug)]
pub struct CpuLinear {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl CpuLinear {
    /// Reads `name.weight` and `name.bias`.
    ///
    /// # Errors
    /// As [`Checkpoint::tensor`].
    pub fn load(checkpoint: &Checkpoint<'_>, name: &str) -> Result<CpuLinear> {
        let weight = checkpoint.tensor(&format!("{name}.weight"))?;
        Ok(CpuLinear { weight, bias: checkpoint.tensor(&format!("{name}.bias"))? })
    }

    /// `weight x + bias`, summed in f64.
    pub fn apply(&self, x: &[f32]) -> Vec<f32> {
        let rows = self.weight.chunks_exact(x.len());
        let row = |(w, bias): (&[f32], &f32)| {
            let sum: f64 = w.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
            (sum + f64::from(*bias)) as f32
        };
        rows.zip(&self.bias).map(row).collect()
    }
}

impl SigmaMap {
    /// Reads `sigma_map`.
    ///
    /// # Errors
    /// As [`Checkpoint::tensor`].
    pub fn load(checkpoint: &Checkpoint<'_>) -> Result<SigmaMap> {
        let first = CpuLinear::load(checkpoint, "sigma_map.mlp.0")?;
        Ok(SigmaMap { first, second: CpuLinear::load(checkpoint, "sigma_map.mlp.2")? })
    }

    /// The conditioning vector of a noise level.
    pub fn condition(&self, sigma: f32) -> Vec<f32> {
        let hidden = silu(self.first.apply(&timestep_embedding(sigma)));
        silu(self.second.apply(&hidden))
    }
}

/// `[cos(sigma f_j), sin(sigma f_j)]`, `f_j = exp(-ln(10000) j / 128)`.
pub fn timestep_embedding(sigma: f32) -> Vec<f32> {
    let half = TIMESTEP_WIDTH / 2;
    let angle = |j: usize| f64::from(sigma) * (-(1e4f64.ln()) * j as f64 / half as f64).exp();
    let cosines = (0..half).map(|j| angle(j).cos() as f32);
    cosines.chain((0..half).map(|j| angle(j).sin() as f32)).collect()
}

fn silu(mut x: Vec<f32>) -> Vec<f32> {
    x.iter_mut().for_each(|x| *x /= 1.0 + (-*x).exp());
    x
}
