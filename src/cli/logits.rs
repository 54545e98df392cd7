//! `bdlm logits`: for comparing with another implementation.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bdlm::model::Batch;
use clap::Args;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::cli::check_interrupt;
use crate::cli::model::{DeviceArgs, ModelArgs, shown};

/// Run the network on given tokens and store its raw logits.
///
/// The input holds `ids` [B, n] int64 for a plain pass (block-causal, bidirectional or causal, as
/// the config says); with `noisy` [B, n] int64 the pass over [noisy ; ids], whose noisy half gives
/// the logits; `sigma` [B] float32 for checkpoints that are conditioned on the noise level. The
/// output holds `logits` [B, n, V] float32.
#[derive(Args)]
#[command(after_help = "Example:
  bdlm logits --model my-checkpoint --input ids.safetensors --output logits.safetensors")]
pub struct Logits {
    #[command(flatten)]
    model: ModelArgs,
    /// Tokens, a safetensors file
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Where the logits go
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
        // Told before the work, not after it.
        let mut file = beside(&self.output)?;
        let gpu = self.device.request()?;
        let engine = self.model.load_network(&gpu, self.device.weights)?;
        let config = engine.dit().config();
        let block_size = self.block_size.unwrap_or(config.block_size);
        config.check_block_size(block_size)?;
        let logits = engine.dit().logits(&batch, block_size)?;
        check_interrupt()?;
        let shape = vec![count, batch.length, config.vocab_size];
        let bytes: Vec<u8> = logits.iter().flat_map(|x| x.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, shape, &bytes)?;
        let whole = safetensors::serialize(HashMap::from([("logits", view)]), None)?;
        let failed = || format!("{} cannot be written", shown(&self.output));
        file.write_all(&whole).with_context(failed)?;
        file.as_file().sync_all().with_context(failed)?;
        file.persist(&self.output).map_err(|e| e.error).with_context(failed)?;
        Ok(())
    }
}

/// An unnamed file in the folder of `path`, to be renamed to it when it is whole.
fn beside(path: &Path) -> Result<tempfile::NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if path.is_dir() {
        bail!("{} is a folder, expected a file to write", shown(path));
    }
    tempfile::Builder::new()
        .prefix(".bdlm-")
        .permissions(permissions())
        .tempfile_in(folder)
        .with_context(|| format!("{} cannot be written", shown(path)))
}

#[cfg(unix)]
fn permissions() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    fs::Permissions::from_mode(0o644)
}

fn read_batch(path: &Path) -> Result<(Batch, usize)> {
    let bytes = fs::read(path).with_context(|| format!("{} cannot be read", shown(path)))?;
    let tensors = SafeTensors::deserialize(&bytes)
        .with_context(|| format!("{} is not a whole safetensors file", shown(path)))?;
    let input = Input { path, tensors };
    let Some((ids, shape)) = input.ids("ids")? else {
        bail!("{} holds no `ids` [B, n] int64", shown(path));
    };
    let noisy = match input.ids("noisy")? {
        Some((_, other)) if other != shape => {
            bail!("{}: noisy has shape {other:?}, ids {shape:?}", shown(path))
        }
        noisy => noisy.map(|(noisy, _)| noisy),
    };
    let sigma = input.sigma(shape[0])?;
    Ok((Batch { ids, noisy, sigma, length: shape[1] }, shape[0]))
}

struct Input<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
}

impl Input<'_> {
    fn ids(&self, name: &str) -> Result<Option<(Vec<u32>, [usize; 2])>> {
        let Ok(view) = self.tensors.tensor(name) else { return Ok(None) };
        let (&[b, n], Dtype::I64) = (view.shape(), view.dtype()) else {
            let (dtype, shape) = (view.dtype(), view.shape());
            bail!("{}: {name} is {dtype:?} {shape:?}, expected I64 [B, n]", shown(self.path));
        };
        let id = |bytes: &[u8; 8]| u32::try_from(i64::from_le_bytes(*bytes));
        let ids = view.data().as_chunks::<8>().0.iter().map(id).collect::<Result<_, _>>();
        let ids = ids.with_context(|| {
            format!("{}: {name} holds a number that is no token", shown(self.path))
        })?;
        Ok(Some((ids, [b, n])))
    }

    fn sigma(&self, count: usize) -> Result<Option<Vec<f32>>> {
        let Ok(view) = self.tensors.tensor("sigma") else { return Ok(None) };
        if view.dtype() != Dtype::F32 || view.shape() != [count] {
            let (dtype, shape) = (view.dtype(), view.shape());
            bail!("{}: sigma is {dtype:?} {shape:?}, expected F32 [{count}]", shown(self.path));
        }
        let numbers = view.data().as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b));
        Ok(Some(numbers.collect()))
    }
}
