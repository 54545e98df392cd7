//! Each kernel alone, beside the fastest copy and the fastest product that were measured.

use std::io::Write;
use std::time::Instant;

use anyhow::Result;
use bdlm::gpu::{Case, Commands, DType, Gpu, Readback, Sizes, Tensor};
use bdlm::sample::Engine;
use serde::{Deserialize, Serialize};

use crate::cli::bench::report::Spread;
use crate::cli::print::progress_bar;
use crate::cli::process::check_interrupt;

/// How often a plan is timed.
const SAMPLES: usize = 7;
/// Bytes of the copy that stands for the memory's bandwidth.
const COPIED_BYTES: usize = 64 << 20;
/// Rows of the product that stands for the arithmetic.
const PRODUCT_ROWS: usize = 512;

/// What was found.
#[derive(Serialize, Deserialize)]
pub struct Kernels {
    /// Of a large copy, reads and writes counted.
    pub copy_bytes_per_sec: f64,
    /// Of a large product.
    pub product_flops_per_sec: f64,
    pub kernels: Vec<Kernel>,
}

/// One kernel at one shape.
#[derive(Serialize, Deserialize)]
pub struct Kernel {
    pub kernel: String,
    pub shape: String,
    /// Of a dispatch.
    pub ms: Spread,
    pub flops_per_sec: f64,
    pub bytes_per_sec: f64,
    /// Share of what the copy or the product reached, whichever is more: what the kernel is bound
    /// by.
    pub share_of_ceiling: f64,
}

/// Times each kernel at the engine's shape.
pub fn measure(engine: &Engine) -> Result<Kernels> {
    let (network, gpu) = (engine.network(), engine.network().gpu());
    let spec = network.spec();
    let sizes = Sizes {
        channels: spec.channels,
        heads: spec.n_heads,
        vocabulary: spec.vocab_size,
        weights: network.weights_dtype(),
        cache: network.cache_dtype(),
    };
    let timer = Timer::new(gpu)?;
    let copy_bytes_per_sec = timer.copy()?;
    let product = sizes.matmul(gpu, "up", PRODUCT_ROWS)?;
    let product_flops_per_sec = product.flops * 1e3 / timer.time(&product)?.min;
    drop(product);
    let bar = progress_bar("{msg} [{bar:30}] {pos}/{len}");
    let makers = makers(sizes, spec.window);
    bar.set_length(makers.len() as u64);
    let mut kernels = Vec::with_capacity(makers.len());
    for make in makers {
        check_interrupt()?;
        let case = make(gpu)?;
        bar.set_message(format!("{}, {}", case.kernel, case.shape));
        let ms = timer.time(&case)?;
        let (flops, bytes) = (case.flops * 1e3 / ms.median, case.bytes * 1e3 / ms.median);
        kernels.push(Kernel {
            kernel: case.kernel.into(),
            shape: case.shape,
            ms,
            flops_per_sec: flops,
            bytes_per_sec: bytes,
            share_of_ceiling: (flops / product_flops_per_sec).max(bytes / copy_bytes_per_sec),
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(Kernels { copy_bytes_per_sec, product_flops_per_sec, kernels })
}

type Make = Box<dyn Fn(&Gpu) -> bdlm::Result<Case>>;

/// What makes each case: one at a time, since together they would not fit into memory.
fn makers(sizes: Sizes, window: usize) -> Vec<Make> {
    let mut makers: Vec<Make> = Vec::new();
    for rows in [1, 4, 8, 16, 32, 128] {
        for part in ["qkv", "out", "up", "down", "head"] {
            makers.push(Box::new(move |gpu| sizes.matmul(gpu, part, rows)));
        }
    }
    for rows in [4, 16] {
        let most = window.saturating_sub(rows);
        for context in [most.min(window / 2), most] {
            makers.push(Box::new(move |gpu| sizes.attention(gpu, rows, context)));
        }
        makers.push(Box::new(move |gpu| sizes.norm(gpu, rows)));
        makers.push(Box::new(move |gpu| sizes.rotary(gpu, rows)));
        makers.push(Box::new(move |gpu| sizes.embedding(gpu, rows)));
        makers.push(Box::new(move |gpu| sizes.draw(gpu, rows)));
    }
    for block in [4, 16] {
        makers.push(Box::new(move |gpu| sizes.likelihood_attention(gpu, window, block)));
    }
    makers
}

/// Times plans, each after one run that is not timed.
struct Timer<'g> {
    gpu: &'g Gpu,
    tensor: Tensor,
    staging: Readback,
}

impl Timer<'_> {
    fn new(gpu: &Gpu) -> Result<Timer<'_>> {
        let tensor = Tensor::padded(gpu, "timer", &[4], DType::F32, 1)?;
        Ok(Timer { gpu, tensor, staging: Readback::new(gpu, 16) })
    }

    fn time(&self, case: &Case) -> Result<Spread> {
        let mut times = Vec::with_capacity(SAMPLES);
        for i in 0..=SAMPLES {
            let ms = self.wait(|commands| {
                commands.run(&case.plan);
                Ok(())
            })?;
            if i > 0 {
                times.push(ms / case.count as f64);
            }
        }
        Ok(Spread::of(&times))
    }

    /// Bytes per second of a large copy.
    fn copy(&self) -> Result<f64> {
        let large = || Tensor::padded(self.gpu, "copied", &[COPIED_BYTES / 4], DType::F32, 1);
        let (from, to) = (large()?, large()?);
        let mut best = f64::INFINITY;
        for _ in 0..=SAMPLES {
            let bytes = COPIED_BYTES as u64;
            best = best.min(self.wait(|commands| commands.copy((&from, 0), &to, bytes))?);
        }
        Ok(2.0 * COPIED_BYTES as f64 * 1e3 / best)
    }

    /// Milliseconds from the submit to its end.
    fn wait(&self, record: impl FnOnce(&mut Commands) -> bdlm::Result<()>) -> Result<f64> {
        let mut commands = Commands::new(self.gpu);
        record(&mut commands)?;
        let begun = Instant::now();
        pollster::block_on(commands.read::<f32>(&self.tensor, 4, &self.staging))?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    }
}

impl Kernels {
    /// Prints it for people.
    pub fn print(&self, out: &mut impl Write) -> Result<()> {
        let (copy, product) = (self.copy_bytes_per_sec / 1e9, self.product_flops_per_sec / 1e9);
        writeln!(out, "\nlarge copy {copy:.1} GB/s, large product {product:.1} GFLOP/s\n")?;
        let heads = ["kernel", "shape", "ms", "GFLOP/s", "GB/s", "of the ceiling"];
        let [kernel, shape, ms, flops, bytes, share] = heads;
        writeln!(out, "{kernel:<20}{shape:<30}{ms:>9}{flops:>9}{bytes:>8}{share:>16}")?;
        for kernel in &self.kernels {
            let Kernel { kernel: name, shape, ms, .. } = kernel;
            let (flops, bytes) = (kernel.flops_per_sec / 1e9, kernel.bytes_per_sec / 1e9);
            let (ms, share) = (ms.median, 100.0 * kernel.share_of_ceiling);
            writeln!(out, "{name:<20}{shape:<30}{ms:>9.3}{flops:>9.1}{bytes:>8.1}{share:>14.0} %")?;
        }
        Ok(())
    }
}
