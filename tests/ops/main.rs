//! Every kernel against its twin on the CPU, for every family of kernels that this machine runs,
//! with bounds checks on.
//!
//! An op has a twin in `common/twins.rs` and a test here, both with its name, and the test ends with
//! [`all_kernels_ran`]: a kernel that no shape of the test chooses is a failure.

mod attention;
mod backward;
mod candidates;
#[path = "../common/mod.rs"]
mod common;
mod embedding;
mod gates;
mod lanes;
mod matmul;
mod muon;
mod norm;
mod optimiser;
mod rms_norm;
mod rotary;
mod rules;
mod sampling;
mod scoring;
mod simplex;

use std::cell::RefCell;
use std::collections::BTreeSet;

use bdlm::gpu::{Commands, DType, Gpu, KERNELS, KernelFamily, Readback, Recorder, Tensor};

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
    let plan = recorder.finish().unwrap();
    RAN.with_borrow_mut(|ran| ran.extend(plan.kernels()));
    let mut commands = Commands::new(gpu);
    commands.run(&plan);
    commands.submit();
}

thread_local! {
    /// Kernels that ran in this thread: tests have a thread each.
    static RAN: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// Fails unless every kernel of an op ran in this test: those with its name, or that begin with it. A
/// family without an adapter was skipped, loudly.
fn all_kernels_ran(op: &str) {
    let variants = format!("{op}_");
    let of_op = |name: &&str| *name == op || name.starts_with(&variants);
    let families = FAMILY_OF.iter().filter(|(_, family)| common::gpu(Some(*family)).is_none());
    let skipped: Vec<&str> = families.map(|(name, _)| *name).collect();
    let has_gpu = common::gpus().next().is_some();
    let wanted = KERNELS.iter().map(|kernel| kernel.name).filter(of_op);
    let wanted = wanted.filter(|name| has_gpu && !skipped.contains(name));
    let missed: Vec<&str> = wanted.filter(|name| !ran(name)).collect();
    assert!(missed.is_empty(), "{missed:?} did not run");
}

fn ran(kernel: &str) -> bool {
    RAN.with_borrow(|ran| ran.contains(kernel))
}

/// Kernels that one family alone has.
const FAMILY_OF: [(&str, KernelFamily); 14] = [
    ("attention_joined", KernelFamily::Workgroup),
    ("attention_merge", KernelFamily::Workgroup),
    ("attention_outer", KernelFamily::Outer),
    ("attention_split", KernelFamily::Workgroup),
    ("attention_tiled", KernelFamily::Workgroup),
    ("matmul_cooperative", KernelFamily::Cooperative),
    ("matmul_outer", KernelFamily::Outer),
    ("matmul_outer_few", KernelFamily::Outer),
    ("matmul_plain", KernelFamily::Plain),
    ("matmul_rows", KernelFamily::Workgroup),
    ("normed_rotary", KernelFamily::Workgroup),
    ("backward_attention_keys_outer", KernelFamily::Outer),
    ("backward_attention_queries_outer", KernelFamily::Outer),
    ("weight_gradient_outer", KernelFamily::Outer),
];

#[test]
fn a_kernel_that_did_not_run_is_noticed() {
    let Some(gpu) = common::gpu(None) else { return };
    let (x, rows) = (multiplied(&gpu, &[1, 8], &[1.0; 8]), words(&gpu, &[1], &[0]));
    let y = multiplied(&gpu, &[1, 8], &[0.0; 8]);
    let noticed = || std::panic::catch_unwind(|| all_kernels_ran("gather")).is_err();
    RAN.take();
    assert!(noticed());
    run(&gpu, |r| r.gather(&x, &rows, &y).unwrap());
    assert!(!noticed());
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
