//! The speed of each kernel alone, beside that of the fastest copy and the fastest product.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::clock::Stopwatch;
use crate::gpu::{Commands, DType, Gpu, Readback, Tensor};
use crate::measure::cases::{Case, Product, Sizes};
use crate::measure::spread::Spread;
use crate::model::Network;

/// How often a plan is timed.
const SAMPLES: usize = 7;
/// Bytes of the copy that stands for the memory's bandwidth.
const COPIED_BYTES: usize = 64 << 20;
/// Rows of the product that stands for the arithmetic.
const PRODUCT_ROWS: usize = 512;

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kernels {
    /// Of a large copy, reads and writes counted.
    pub copy_bytes_per_sec: f64,
    /// Of a large product.
    pub product_flops_per_sec: f64,
    /// Each kernel at each shape.
    pub kernels: Vec<KernelSpeed>,
}

/// One kernel at one shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KernelSpeed {
    /// The kernel's name.
    pub kernel: String,
    /// Its input, for people.
    pub shape: String,
    /// Of a dispatch.
    pub ms: Spread,
    /// Multiplications and additions.
    pub flops_per_sec: f64,
    /// Bytes read and written, each once.
    pub bytes_per_sec: f64,
    /// Share of what the copy or the product reached, whichever is more: it says what the kernel is
    /// bound by.
    pub share_of_ceiling: f64,
}

impl Kernels {
    /// Times each kernel at the network's shape. `progress` is called with the kernel and its
    /// input, the kernels done and their number; if it breaks, there is no result.
    ///
    /// # Errors
    /// [`crate::Error::OutOfMemory`], [`crate::Error::Kernel`], [`crate::Error::DeviceLost`].
    pub async fn measure(
        network: &Network,
        progress: &mut dyn FnMut(&str, usize, usize) -> ControlFlow<()>,
    ) -> Result<Option<Kernels>> {
        let (gpu, sizes) = (network.gpu(), Sizes::of(network));
        let timer = Timer::new(gpu)?;
        let copy_bytes_per_sec = timer.copy().await?;
        let product = sizes.matmul(gpu, Product::Up, PRODUCT_ROWS)?;
        let product_flops_per_sec = product.flops * 1e3 / timer.time(&product).await?.min;
        drop(product);
        let makers = makers(sizes, network.spec().window);
        let mut kernels = Vec::with_capacity(makers.len());
        for (done, make) in makers.iter().enumerate() {
            let case = make(gpu)?;
            let what = format!("{}, {}", case.kernel, case.shape);
            if progress(&what, done, makers.len()).is_break() {
                return Ok(None);
            }
            let ms = timer.time(&case).await?;
            let (flops, bytes) = (case.flops * 1e3 / ms.median, case.bytes * 1e3 / ms.median);
            kernels.push(KernelSpeed {
                kernel: case.kernel.into(),
                shape: case.shape,
                ms,
                flops_per_sec: flops,
                bytes_per_sec: bytes,
                share_of_ceiling: (flops / product_flops_per_sec).max(bytes / copy_bytes_per_sec),
            });
        }
        Ok(Some(Kernels { copy_bytes_per_sec, product_flops_per_sec, kernels }))
    }
}

type Make = Box<dyn Fn(&Gpu) -> Result<Case>>;

/// What makes each case: one at a time, since together they would not fit into memory.
fn makers(sizes: Sizes, window: usize) -> Vec<Make> {
    let mut makers: Vec<Make> = Vec::new();
    for rows in [1, 4, 8, 16, 32, 128] {
        for product in Product::ALL {
            makers.push(Box::new(move |gpu| sizes.matmul(gpu, product, rows)));
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

    async fn time(&self, case: &Case) -> Result<Spread> {
        let mut times = Vec::with_capacity(SAMPLES);
        for i in 0..=SAMPLES {
            let mut commands = Commands::new(self.gpu);
            commands.run(&case.plan);
            let ms = self.wait(commands).await?;
            if i > 0 {
                times.push(ms / case.count as f64);
            }
        }
        Ok(Spread::of(&times))
    }

    /// Bytes per second of a large copy.
    async fn copy(&self) -> Result<f64> {
        let large = || Tensor::padded(self.gpu, "copied", &[COPIED_BYTES / 4], DType::F32, 1);
        let (from, to) = (large()?, large()?);
        let mut best = f64::INFINITY;
        for _ in 0..=SAMPLES {
            let mut commands = Commands::new(self.gpu);
            commands.copy((&from, 0), &to, COPIED_BYTES as u64)?;
            best = best.min(self.wait(commands).await?);
        }
        Ok(2.0 * COPIED_BYTES as f64 * 1e3 / best)
    }

    /// Milliseconds from the submit to its end.
    async fn wait(&self, commands: Commands) -> Result<f64> {
        let begun = Stopwatch::start();
        commands.read::<f32>(&self.tensor, 4, &self.staging).await?;
        Ok(begun.secs() * 1e3)
    }
}
