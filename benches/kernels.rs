//! Kernels alone on the most capable adapter, at the published shape, beside the fastest product
//! that the CPU's own instructions reach (the crate `gemm`).
#![allow(missing_docs, reason = "criterion's macros")]

use std::hint::black_box;

use bdlm::gpu::{Commands, DType, Gpu, GpuOptions, Readback, Tensor};
use bdlm::measure::{Case, Product, Sizes};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gemm::Parallelism;

const SMALL: Sizes = Sizes {
    channels: 768,
    heads: 12,
    key_heads: 12,
    head_width: 64,
    mlp: 3072,
    vocabulary: 50258,
    weights: DType::F16,
    cache: DType::F16,
};

fn kernels(criterion: &mut Criterion) {
    let gpu = match Gpu::request(&GpuOptions::default()) {
        Ok(gpu) => gpu,
        Err(e) => return eprintln!("SKIPPED, kernels are not timed: {e}"),
    };
    for rows in [1, 4, 8, 16, 32, 256] {
        for product in [Product::Qkv, Product::Down] {
            time(criterion, &gpu, SMALL.matmul(&gpu, product, rows).unwrap());
        }
    }
    for (rows, context) in [(4, 512), (4, 1020), (16, 512), (16, 1008)] {
        time(criterion, &gpu, SMALL.attention(&gpu, rows, context).unwrap());
    }
    time(criterion, &gpu, SMALL.likelihood_attention(&gpu, 1024, 16).unwrap());
    time(criterion, &gpu, SMALL.norm(&gpu, 16).unwrap());
    time(criterion, &gpu, SMALL.rotary(&gpu, 16).unwrap());
    time(criterion, &gpu, SMALL.draw(&gpu, 16).unwrap());
}

/// All dispatches of a case, in one submit; the throughput counts its multiplications and additions.
fn time(criterion: &mut Criterion, gpu: &Gpu, case: Case) {
    let small = Tensor::padded(gpu, "timer", &[4], DType::F32, 1).unwrap();
    let staging = Readback::new(gpu, 16);
    let mut group = criterion.benchmark_group(case.kernel);
    group.sample_size(10);
    group.throughput(Throughput::Elements(case.flops as u64 * case.count as u64));
    group.bench_function(BenchmarkId::from_parameter(&case.shape), |bencher| {
        bencher.iter(|| {
            let mut commands = Commands::new(gpu);
            commands.run(&case.plan);
            pollster::block_on(commands.read::<f32>(&small, 4, &staging)).unwrap()
        });
    });
    group.finish();
}

/// The ceiling: x w^T in f32 on all cores.
fn cpu(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("gemm");
    group.sample_size(10);
    for (m, n, k) in [(4, 2304, 768), (16, 2304, 768), (256, 768, 768), (1024, 3072, 768)] {
        let (x, w) = (vec![0.1f32; m * k], vec![0.2f32; n * k]);
        let mut y = vec![0f32; m * n];
        group.throughput(Throughput::Elements(2 * (m * n * k) as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{m}x{n}x{k}")), |bencher| {
            bencher.iter(|| {
                product(&mut y, black_box(&x), black_box(&w), (m, n, k));
            });
        });
    }
    group.finish();
}

fn product(y: &mut [f32], x: &[f32], w: &[f32], (m, n, k): (usize, usize, usize)) {
    assert_eq!((y.len(), x.len(), w.len()), (m * n, m * k, n * k));
    let (one, row, column) = (1, k as isize, n as isize);
    // SAFETY: the lengths were checked above, and strides are those of row-major matrices; w is
    // read transposed.
    #[allow(unsafe_code, reason = "gemm has no safe interface")]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            y.as_mut_ptr(),
            one,
            column,
            false,
            x.as_ptr(),
            one,
            row,
            w.as_ptr(),
            row,
            one,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::Rayon(0),
        );
    }
}

criterion_group!(benches, kernels, cpu);
criterion_main!(benches);
