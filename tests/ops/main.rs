//! Every kernel against its twin on the CPU, for every family of kernels that this machine runs,
//! with bounds checks on.

mod attention;
#[path = "../common/mod.rs"]
mod common;
mod embedding;
mod lanes;
mod matmul;
mod norm;
mod rotary;
mod sampling;
mod scoring;

use bdlm::gpu::{Commands, DType, Gpu, Readback, Recorder, Tensor};

/// A device tensor with these numbers, its rows padded as activations are.
fn upload<T: bytemuck::Pod>(gpu: &Gpu, shape: &[usize], data: &[T]) -> Tensor {
    let dtype = if size_of::<T>() == 2 { DType::F16 } else { DType::F32 };
    let tensor = Tensor::padded(gpu, "test", shape, dtype, 64).unwrap();
    tensor.write(gpu, data).unwrap();
    tensor
}

/// Rows that a matrix product can read.
fn multiplied(gpu: &Gpu, shape: &[usize], data: &[f32]) -> Tensor {
    let tensor = Tensor::multiplied(gpu, "test", shape).unwrap();
    tensor.write(gpu, data).unwrap();
    tensor
}

/// Words for the device; the kernels do not look at a tensor's number format.
fn words(gpu: &Gpu, shape: &[usize], data: &[u32]) -> Tensor {
    upload(gpu, shape, data)
}

fn run(gpu: &Gpu, record: impl FnOnce(&mut Recorder<'_>)) {
    let mut recorder = Recorder::new(gpu);
    record(&mut recorder);
    let mut commands = Commands::new(gpu);
    commands.run(&recorder.finish().unwrap());
    commands.submit();
}

fn read<T: bytemuck::Pod>(gpu: &Gpu, tensor: &Tensor) -> Vec<T> {
    let count = tensor.shape().iter().product::<usize>() * tensor.dtype().bytes() / size_of::<T>();
    let staging = Readback::new(gpu, (count * size_of::<T>()) as u64);
    pollster::block_on(Commands::new(gpu).read(tensor, count, &staging)).unwrap()
}

/// Numbers between -1 and 1, the same in every run.
struct Random(u64);

impl Random {
    fn number(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.number()).collect()
    }

    fn below(&mut self, n: usize) -> usize {
        ((self.number() + 1.0) / 2.0 * n as f32) as usize % n
    }
}
