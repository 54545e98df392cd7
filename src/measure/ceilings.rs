//! What an adapter can do at most: the fastest copy, the fastest product, and dispatches of next to
//! nothing.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::gpu::layout::ROW_PAD;
use crate::gpu::{Commands, DType, Gpu, Plan, Recorder, Tensor};
use crate::measure::cases::{Product, Sizes};
use crate::measure::timer::Timer;

/// Bytes of a row that is copied.
const ROW_BYTES: usize = 4096;
/// Dispatches of a chain.
const CHAIN: usize = 200;

/// What an adapter can do at most.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ceilings {
    /// Of a copy larger than a GPU's caches, reads and writes counted.
    pub copy_bytes_per_sec: f64,
    /// Of a product that fills the adapter.
    pub product_flops_per_sec: f64,
    /// Dispatches that copy a few numbers.
    #[serde(default)]
    pub chains: Vec<Chain>,
}

/// A chain of dispatches of next to nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chain {
    /// Workgroups of each dispatch.
    pub workgroups: usize,
    /// Whether each reads what the one before wrote, and has to wait for it.
    pub dependent: bool,
    /// Microseconds of a dispatch.
    pub us: f64,
}

impl Ceilings {
    /// Measures them, products with a network's sizes.
    ///
    /// # Errors
    /// As [`Sizes::matmul`].
    pub(super) async fn measure(gpu: &Gpu, sizes: Sizes, timer: &Timer<'_>) -> Result<Ceilings> {
        timer.wake(0.5).await?;
        // Software adapters have small caches, and little time.
        let (mebibytes, rows) = if gpu.is_software() { (64, 512) } else { (512, 4096) };
        let (copy, bytes) = gather(gpu, mebibytes << 20)?;
        let run = timer.time(&copy, 1).await?;
        let mut copy_ms = run.min / bytes;
        let (from, to, bytes) = copied(gpu, mebibytes << 20)?;
        let encode = |commands: &mut Commands| commands.copy((&from, 0), &to, bytes as u64);
        let run = timer.time_encoded(1, &encode).await?;
        copy_ms = copy_ms.min(run.min / bytes);
        drop((copy, from, to));
        let product = sizes.matmul(gpu, Product::Up, rows)?;
        let run = timer.time(&product.plan, product.count).await?;
        let product_flops_per_sec = product.flops * 1e3 / run.min;
        drop(product);
        let mut chains = Vec::new();
        for (workgroups, dependent) in [(1, true), (1, false), (1000, true), (1000, false)] {
            let chain = chain(gpu, workgroups, dependent)?;
            let run = timer.time(&chain, CHAIN).await?;
            chains.push(Chain { workgroups, dependent, us: 1e3 * run.median });
        }
        Ok(Ceilings { copy_bytes_per_sec: 2.0 * 1e3 / copy_ms, product_flops_per_sec, chains })
    }

    /// Milliseconds that so many operations and bytes take at least.
    pub fn floor_ms(&self, flops: f64, bytes: f64) -> f64 {
        1e3 * (flops / self.product_flops_per_sec).max(bytes / self.copy_bytes_per_sec)
    }

    /// Milliseconds that so many dispatches take which wait for one another.
    pub fn dispatches_ms(&self, count: usize) -> f64 {
        let waits = self.chains.iter().filter(|chain| chain.dependent);
        let us = waits.map(|chain| chain.us).fold(f64::INFINITY, f64::min);
        if us.is_finite() { 1e-3 * us * count as f64 } else { 0.0 }
    }
}

/// Rows of a copy by a kernel: it picks each row in turn.
fn gather(gpu: &Gpu, bytes: usize) -> Result<(Plan, f64)> {
    let columns = ROW_BYTES / 4;
    let count = rows(gpu, bytes).min(1 << 16) / ROW_PAD * ROW_PAD - ROW_PAD;
    let parts = (rows(gpu, bytes) / count).max(1);
    let mut r = Recorder::new(gpu);
    let picked = picked(gpu, count)?;
    for _ in 0..parts {
        let matrix = |label| Tensor::multiplied(gpu, label, &[count, columns]);
        r.gather(&matrix("copied")?, &picked, &matrix("copy")?)?;
    }
    Ok((r.finish()?, (parts * count * ROW_BYTES) as f64))
}

/// Two buffers for a copy by a command, and their bytes.
fn copied(gpu: &Gpu, bytes: usize) -> Result<(Tensor, Tensor, f64)> {
    let count = rows(gpu, bytes);
    let buffer = |label| Tensor::padded(gpu, label, &[count, ROW_BYTES / 4], DType::F32, 1);
    Ok((buffer("copied")?, buffer("copy")?, (count * ROW_BYTES) as f64))
}

/// Rows that `bytes` bytes are, or that the device binds.
fn rows(gpu: &Gpu, bytes: usize) -> usize {
    let limit = usize::try_from(gpu.max_bytes(gpu.kernels().product_memory()));
    bytes.min(limit.unwrap_or(usize::MAX)) / ROW_BYTES
}

/// Numbers of the first rows.
fn picked(gpu: &Gpu, count: usize) -> Result<Tensor> {
    let rows = Tensor::padded(gpu, "rows", &[count], DType::U32, ROW_PAD)?;
    rows.write(gpu, &(0..count as u32).collect::<Vec<_>>())?;
    Ok(rows)
}

fn chain(gpu: &Gpu, workgroups: usize, dependent: bool) -> Result<Plan> {
    let few = |_| Tensor::multiplied(gpu, "chain", &[workgroups, 8]);
    let count = if dependent { 2 } else { 1 + CHAIN };
    let tensors: Vec<Tensor> = (0..count).map(few).collect::<Result<_>>()?;
    let rows = picked(gpu, workgroups)?;
    let mut r = Recorder::new(gpu);
    for i in 0..CHAIN {
        let [from, to] = if dependent { [i % 2, (i + 1) % 2] } else { [0, i + 1] };
        if let (Some(from), Some(to)) = (tensors.get(from), tensors.get(to)) {
            r.gather(from, &rows, to)?;
        }
    }
    r.finish()
}
