//! `bdlm logits`: for comparing with another implementation.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use bdlm::model::Batch;
use clap::Args;
use safetensors::tensor::{Dtype, TensorView};

use crate::cli::device::DeviceArgs;
use crate::cli::files::{Input, read, shown};
use crate::cli::model::ModelArgs;
use crate::cli::output::Output;
use crate::cli::process::check_interrupt;

/// Run the network on given tokens and store its raw logits.
///
/// The input holds `ids` [B, n] int64. The pass over them is block-causal, bidirectional or causal,
/// as the config says. If the input also holds `noisy` [B, n] int64, the pass is over [noisy ; ids]
/// and the logits are those of the noisy half. Checkpoints that are conditioned on the noise level
/// need `sigma` [B] float32. The output holds `logits` [B, n, V] float32.
#[derive(Args)]
#[command(after_help = "Example:
  bdlm logits --model my-checkpoint --input ids.safetensors --output logits.safetensors")]
pub struct Logits {
    #[command(flatten)]
    model: ModelArgs,
    /// Safetensors file of the tokens
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// File to write the logits to
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Tokens in a block [default: the checkpoint's]
    #[arg(long, value_name = "K")]
    block_size: Option<usize>,
    #[command(flatten)]
    device: DeviceArgs,
}

impl Logits {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let (batch, count) = read_batch(&self.input)?;
        // Fails before the work, not after it.
        let output = Output::create(&self.output)?;
        let gpu = self.device.request()?;
        let engine = self.model.load_network(&gpu, self.device.weights)?;
        let spec = engine.network().spec();
        self.block_size.map_or(Ok(()), |size| spec.check_block_size(size))?;
        let logits = engine.network().logits(&batch, self.block_size)?;
        check_interrupt()?;
        let shape = vec![count, batch.length, spec.vocab_size];
        let bytes: Vec<u8> = logits.iter().flat_map(|x| x.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, shape, &bytes)?;
        let whole = safetensors::serialize(HashMap::from([("logits", view)]), None)?;
        output.write(&whole)
    }
}

fn read_batch(path: &Path) -> Result<(Batch, usize)> {
    let bytes = read(path)?;
    let input = Input::new(path, &bytes)?;
    let (ids, shape) = input.expect_ids()?;
    let noisy = match input.ids("noisy")? {
        Some((_, other)) if other != shape => {
            bail!("{}: noisy has shape {other:?}, expected that of ids, {shape:?}", shown(path))
        }
        noisy => noisy.map(|(noisy, _)| noisy),
    };
    let sigma = input.sigma(shape[0])?;
    Ok((Batch { ids, noisy, sigma, length: shape[1] }, shape[0]))
}
