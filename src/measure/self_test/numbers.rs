//! Numbers for checks, and their tensors.

use half::f16;

use crate::Result;
use crate::gpu::{DType, Gpu, Tensor, Weight};
use crate::measure::twins;

/// Numbers between -1 and 1, the same in every run.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: usize) -> Random {
        Random(seed as u64)
    }

    pub(super) fn number(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub(super) fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.number()).collect()
    }

    /// Rows of `c` numbers, of which the first `channels` are not zero.
    pub(super) fn padded(&mut self, rows: usize, (channels, c): (usize, usize)) -> Vec<f32> {
        let numbers = self.numbers(rows * c).into_iter().enumerate();
        numbers.map(|(i, x)| if i % c < channels { x } else { 0.0 }).collect()
    }
}

/// A tensor with these numbers, its rows padded as activations are.
pub(super) fn upload(gpu: &Gpu, shape: &[usize], data: &[f32]) -> Result<Tensor> {
    let tensor = Tensor::padded(gpu, "self-test", shape, DType::F32, 64)?;
    tensor.write(gpu, data)?;
    Ok(tensor)
}

/// Rows that a product can read.
pub(super) fn multiplied(gpu: &Gpu, shape: &[usize], data: &[f32]) -> Result<Tensor> {
    let tensor = Tensor::multiplied(gpu, "self-test", shape)?;
    tensor.write(gpu, data)?;
    Ok(tensor)
}

/// A tensor of words.
pub(super) fn words(gpu: &Gpu, shape: &[usize], data: &[u32]) -> Result<Tensor> {
    let tensor = Tensor::padded(gpu, "self-test", shape, DType::U32, 64)?;
    tensor.write(gpu, data)?;
    Ok(tensor)
}

/// A weight on the device, and its numbers as they are held there.
pub(super) fn weight(
    gpu: &Gpu,
    shape: [usize; 2],
    dtype: DType,
    data: &[f32],
) -> Result<(Weight, Vec<f32>)> {
    let held = match dtype {
        DType::F16 => halves(data),
        DType::Q8 => twins::q8(data, shape[1]),
        DType::Q4 => twins::q4(data, shape[1]),
        _ => data.to_vec(),
    };
    Ok((Weight::upload(gpu, "self-test", shape, dtype, data)?, held))
}

/// The numbers as f16 holds them.
pub(super) fn halves(data: &[f32]) -> Vec<f32> {
    data.iter().map(|&x| f16::from_f32(x).to_f32()).collect()
}
