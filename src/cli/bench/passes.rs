//! Denoising passes of one block size after one context.

use std::io::Write;

use anyhow::Result;
use bdlm::gpu::KernelTime;
use bdlm::sample::{Bench, Engine};
use serde::{Deserialize, Serialize};

use crate::cli::bench::report::{Spread, line};
use crate::cli::present::kernel_table;
use crate::cli::print::{bytes, progress_bar};
use crate::cli::process::check_interrupt;

/// What was found.
#[derive(Serialize, Deserialize)]
pub struct Passes {
    pub block_size: usize,
    /// Cached positions that the block attended to.
    pub context: usize,
    /// A denoising pass, sampling step included.
    pub pass_ms: Spread,
    /// The first pass of a block, which stores the block before.
    pub fused_ms: Spread,
    /// The first pass of all, in which the driver compiles the kernels.
    pub first_ms: f64,
    pub dispatches_per_pass: usize,
    pub dispatches_per_layer: usize,
    /// Of first-hitting, batch 1.
    pub tokens_per_sec: f64,
    /// Weights that a pass reads.
    pub weights_bytes: u64,
    pub weights_bytes_per_sec: f64,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub kernels_ms: Option<Vec<KernelTime>>,
}

/// Times the passes and, if wanted, each kernel of one.
pub fn time(engine: &Engine, bench: &Bench, profile: bool) -> Result<Passes> {
    let bar = progress_bar("{spinner} {msg}");
    let Bench { block_size, context, passes } = *bench;
    bar.set_message(format!("timing {passes} passes, block {block_size}, context {context}"));
    bar.tick();
    let times = pollster::block_on(bench.run(engine.network()))?;
    check_interrupt()?;
    let kernels_ms = profile.then(|| pollster::block_on(bench.profile(engine.network())));
    bar.finish_and_clear();
    let (pass_ms, fused_ms) = (Spread::of(&times.pass_ms), Spread::of(&times.fused_ms));
    // First-hitting opens one token per pass; a block's first pass stores the one before.
    let ms_per_block = fused_ms.median + (block_size as f64 - 1.0) * pass_ms.median;
    Ok(Passes {
        block_size,
        context: times.context,
        pass_ms,
        fused_ms,
        first_ms: times.first_ms,
        dispatches_per_pass: times.dispatches,
        dispatches_per_layer: times.layer_dispatches,
        tokens_per_sec: 1e3 * block_size as f64 / ms_per_block,
        weights_bytes: times.weights_bytes,
        weights_bytes_per_sec: times.weights_bytes as f64 * 1e3 / pass_ms.median,
        kernels_ms: kernels_ms.transpose()?,
    })
}

impl Passes {
    /// Prints it for people.
    pub fn print(&self, out: &mut impl Write) -> Result<()> {
        let Passes { block_size, context, .. } = self;
        writeln!(out)?;
        line(out, "block", &format!("{block_size} after {context} cached positions"))?;
        line(out, "denoising pass", &format!("{}, the first {:.0}", self.pass_ms, self.first_ms))?;
        line(out, "first pass of a block", &format!("{:.2} ms (median)", self.fused_ms.median))?;
        let (pass, layer) = (self.dispatches_per_pass, self.dispatches_per_layer);
        line(out, "dispatches", &format!("{pass} a pass, {layer} a layer"))?;
        let rate = self.tokens_per_sec;
        line(out, "tokens", &format!("{rate:.1} a second, first-hitting, batch 1"))?;
        let (weights, rate) = (bytes(self.weights_bytes), bytes(self.weights_bytes_per_sec as u64));
        line(out, "weights read", &format!("{weights} a pass, {rate} a second"))?;
        if let Some(times) = &self.kernels_ms {
            writeln!(out, "\n{}", kernel_table(times))?;
        }
        Ok(())
    }
}
