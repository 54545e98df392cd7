//! What a network starts from.
//!
//! Matrices are uniform in ±1/√K for K inputs, PyTorch's default; those that write to the residual
//! stream are smaller by √(2L), as GPT-2's, so that its size does not grow with the layers. The head is
//! zero: at first all tokens are equally likely. Gates are 1 and shifts and scales 0 whatever the noise
//! level, so that layers take part from the first step on; the published code starts with gates of 0.

use crate::model::{Checkpoint, Spec};
use crate::train::Parameters;
use crate::train::random::{Purpose, generator};
use crate::{Error, Result};

/// Standard deviation of the embedding.
const EMBEDDING: f32 = 0.02;

/// New parameters of a DiT.
///
/// # Errors
/// As [`Parameters::new`].
pub fn initial(gpu: &crate::gpu::Gpu, spec: &Spec, seed: u64) -> Result<Parameters> {
    let parameters = Parameters::new(gpu, &Checkpoint::random(spec, seed))?;
    for (i, parameter) in parameters.list().iter().enumerate() {
        let shape = parameter.shape();
        let numbers = numbers(spec, parameter.name(), &shape, (seed, i as u64));
        parameter.write(gpu, &numbers.ok_or_else(|| unknown(parameter.name()))?)?;
    }
    Ok(parameters)
}

fn unknown(name: &str) -> Error {
    Error::request(format!("a network with the tensor {name} can only go on from a model"))
}

/// The numbers that a tensor starts with; none for one that a DiT does not have.
fn numbers(
    spec: &Spec,
    name: &str,
    shape: &[usize],
    (seed, tensor): (u64, u64),
) -> Option<Vec<f32>> {
    let count: usize = shape.iter().product();
    let mut rng = generator(seed, Purpose::Weights, &[tensor]);
    let mut uniform =
        |bound: f32| -> Vec<f32> { (0..count).map(|_| bound * (2.0 * rng.f32() - 1.0)).collect() };
    let inverse_root = |n: usize| (n as f32).sqrt().recip();
    let by_inputs = shape.get(1).map_or(0.0, |&k| inverse_root(k));
    let parts = name.rsplit('.').collect::<Vec<_>>();
    Some(match parts[..] {
        // A uniform number in ±√3 has a standard deviation of 1.
        ["embedding", ..] => uniform(3f32.sqrt() * EMBEDDING),
        ["weight", "norm1" | "norm2" | "norm_final", ..] => vec![1.0; count],
        ["weight", "linear", ..] => vec![0.0; count],
        ["weight", "attn_qkv", ..] | ["weight", "0", "mlp", ..] => uniform(by_inputs),
        ["weight", "2", "mlp", "sigma_map"] => uniform(by_inputs),
        ["weight", "attn_out", ..] | ["weight", "2", "mlp", ..] => {
            uniform(by_inputs * inverse_root(2 * spec.n_layers))
        }
        ["weight", "adaLN_modulation", ..] => vec![0.0; count],
        ["bias", "adaLN_modulation", ..] => {
            // Shift, scale, gate, shift, scale, gate; the head has no gates.
            let is_gate = |i: usize| count == 6 * spec.channels && i / spec.channels % 3 == 2;
            (0..count).map(|i| if is_gate(i) { 1.0 } else { 0.0 }).collect()
        }
        ["bias", ..] => vec![0.0; count],
        _ => return None,
    })
}
