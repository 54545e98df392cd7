//! `bdlm logits`: for comparing with another implementation.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use bdlm::model::{Batch, Mask, Spec};
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
/// as the config says, or as asked for. If the input also holds `noisy` [B, n] int64, the pass is over [noisy ; ids]
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
    /// Let a token see those before it only
    #[arg(long, conflicts_with = "grid_offset")]
    causal: bool,
    /// Tokens by which the first block is shorter, less than a block
    #[arg(long, value_name = "N")]
    grid_offset: Option<usize>,
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
        let engine = self.model.load_network(&gpu, self.device.weights, self.block_size)?;
        let spec = engine.network().spec();
        self.block_size.map_or(Ok(()), |size| spec.check_block_size(size))?;
        let logits = engine.network().logits(&batch, Some(self.mask(spec)?))?;
        check_interrupt()?;
        let shape = vec![count, batch.length, spec.vocab_size];
        let bytes: Vec<u8> = logits.iter().flat_map(|x| x.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, shape, &bytes)?;
        let whole = safetensors::serialize(HashMap::from([("logits", view)]), None)?;
        output.write(&whole)
    }
}

impl Logits {
    /// What a token sees.
    fn mask(&self, spec: &Spec) -> Result<Mask> {
        let own = spec.mask(self.block_size);
        match (self.causal, self.grid_offset, own) {
            (true, ..) => Ok(Mask::Before),
            (false, None, own) => Ok(own),
            (false, Some(offset), Mask::Blocks { size, .. }) if offset < size => {
                Ok(Mask::Blocks { size, offset })
            }
            (false, Some(offset), Mask::Blocks { size, .. }) => {
                bail!("--grid-offset is {offset}, expected less than a block of {size}")
            }
            (false, Some(_), _) => {
                bail!("--grid-offset is for models with blocks, this one is {}", spec.family())
            }
        }
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
