//! Denoising passes of one block size after one context.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::clock::Stopwatch;
use crate::gpu::KernelTime;
use crate::measure::spread::Spread;
use crate::measure::timer::Timer;
use crate::model::Network;
use crate::sample::MaskedBlock;

/// How long a GPU is kept busy before passes are timed.
const WAKE_SECS: f64 = 0.3;
/// And between passes and those that follow them.
const STAY_AWAKE_SECS: f64 = 0.1;

/// What to time.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// Tokens of a block.
    pub block_size: usize,
    /// Cached positions that the block attends to, cut to whole blocks.
    pub context: usize,
    /// Timed passes, after one that is not.
    pub passes: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passes {
    /// Tokens of a block.
    pub block_size: usize,
    /// Cached positions that the block attended to.
    pub context: usize,
    /// A denoising pass, sampling step included.
    pub pass_ms: Spread,
    /// The first pass of a block, which stores the block before.
    pub fused_ms: Spread,
    /// The first pass of all, in which the driver compiles the kernels.
    pub first_ms: f64,
    /// Dispatches of a pass.
    pub dispatches_per_pass: usize,
    /// Dispatches of one layer of it.
    pub dispatches_per_layer: usize,
    /// Of first-hitting, or of SSD-LM's published number of steps; batch 1.
    pub tokens_per_sec: f64,
    /// Weights that a pass reads.
    pub weights_bytes: u64,
    /// The same in a second.
    pub weights_bytes_per_sec: f64,
    /// Each kernel of a pass, if that was wanted.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub kernels_ms: Option<Vec<KernelTime>>,
}

impl Bench {
    /// Times passes over a block whose cells stay masked.
    ///
    /// # Errors
    /// [`crate::Error::Request`] if block and context do not fit the model's window.
    pub async fn run(&self, network: &Arc<Network>) -> Result<Passes> {
        let Bench { block_size, context, passes } = *self;
        let mut block = MaskedBlock::new(network, block_size, context, passes + 1)?;
        let [dispatches_per_pass, dispatches_per_layer] = block.dispatches()?;
        let timer = Timer::new(network.gpu())?;
        let (mut pass_ms, mut fused_ms) = (Vec::new(), Vec::new());
        for step in 0..=passes {
            // The first one compiles.
            timer.wake(if step == 1 { WAKE_SECS } else { 0.0 }).await?;
            let started = Stopwatch::start();
            block.denoise(step).await?;
            pass_ms.push(started.secs() * 1e3);
        }
        for step in 0..=passes {
            timer.wake(if step == 1 { STAY_AWAKE_SECS } else { 0.0 }).await?;
            let started = Stopwatch::start();
            block.denoise_and_store(step).await?;
            fused_ms.push(started.secs() * 1e3);
        }
        let first_ms = pass_ms[0];
        let (pass_ms, fused_ms) = (Spread::of(&pass_ms[1..]), Spread::of(&fused_ms[1..]));
        // A block's first pass stores the one before.
        let passes_per_block = block.passes_per_block();
        let ms_per_block = fused_ms.median + (passes_per_block as f64 - 1.0) * pass_ms.median;
        let weights_bytes = network.bytes_per_pass();
        Ok(Passes {
            block_size,
            context: context / block_size * block_size,
            pass_ms,
            fused_ms,
            first_ms,
            dispatches_per_pass,
            dispatches_per_layer,
            tokens_per_sec: 1e3 * block_size as f64 / ms_per_block,
            weights_bytes,
            weights_bytes_per_sec: weights_bytes as f64 * 1e3 / pass_ms.median,
            kernels_ms: None,
        })
    }

    /// Time per kernel of a denoising pass, slowest first.
    ///
    /// # Errors
    /// As [`Bench::run`], and if the adapter has no timestamps.
    pub async fn profile(&self, network: &Arc<Network>) -> Result<Vec<KernelTime>> {
        MaskedBlock::new(network, self.block_size, self.context, 2)?.kernel_times().await
    }
}
