//! `bdlm quantize`.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bdlm::hub::FileBytes;
use bdlm::model::{Checkpoint, Formats, QUANTISATION, Spec};
use clap::Args;
use serde_json::Value;

use crate::cli::device::WeightArgs;
use crate::cli::files::shown;
use crate::cli::model::ModelArgs;
use crate::cli::output::Output;
use crate::cli::print::{bytes, note, progress_bar};
use crate::cli::process::check_interrupt;

/// Write a model with its weights in integers, as a folder that loads without the original.
///
/// Vectors stay in f32. Adapters given with --lora are merged first.
#[derive(Args)]
#[command(after_help = "Example:
  bdlm quantize JetLM/SDAR-1.7B-Chat --weights q4 --out sdar-q4")]
pub struct Quantize {
    /// Model: a folder, or a hub id; the same as --model
    #[arg(value_name = "MODEL")]
    name: Option<String>,
    #[command(flatten)]
    model: ModelArgs,
    /// Tokens in a block, for checkpoints that do not say
    #[arg(long, value_name = "K")]
    block_size: Option<usize>,
    /// Folder to make
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    weights: WeightArgs,
}

impl Quantize {
    /// Runs the command.
    pub fn run(mut self) -> Result<()> {
        if let Some(name) = self.name.take() {
            self.model.model = name;
        }
        if self.out.exists() {
            bail!("{} is there already: name another folder", shown(&self.out));
        }
        let files = self.model.find()?;
        let formats = self.weights.formats(&files.config);
        let spec = Spec::of_files(&files, self.model.habits(self.block_size))?;
        let shards: Vec<_> = files.weights.iter().map(|file| (file.path(), &**file)).collect();
        let checkpoint = Checkpoint::new(&spec, &shards)?.adapted(self.model.loras()?)?;
        // Made beside its place, and renamed when it is whole.
        let parent = self.out.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = tempfile::Builder::new()
            .prefix(".bdlm-")
            .tempdir_in(parent.unwrap_or(Path::new(".")))
            .with_context(|| format!("{} cannot be written", shown(&self.out)))?;
        let path = folder.path().join("model.safetensors");
        let size = write(&checkpoint, formats, &path)?;
        let config = self.config(&files.config, &spec, formats)?;
        Output::create(&folder.path().join("config.json"))?.write(&config)?;
        let beside = [&files.tokenizer, &files.tokenizer_config, &files.generation_config];
        beside.into_iter().flatten().try_for_each(|file| copy(file, folder.path()))?;
        fs::rename(folder.keep(), &self.out)
            .with_context(|| format!("{} cannot be written", shown(&self.out)))?;
        note(&format!("{}: {} of weights", shown(&self.out), bytes(size)));
        Ok(())
    }

    /// The model's config, with the formats and what was asked for.
    fn config(&self, config: &[u8], spec: &Spec, formats: Formats) -> Result<Vec<u8>> {
        let text = bdlm::text::decode(config).map_err(anyhow::Error::msg)?;
        let mut config: Value = serde_json::from_str(&text)?;
        config[QUANTISATION] = serde_json::to_value(formats)?;
        if self.model.mask_id.is_some() {
            config["mask_token_id"] = spec.mask_id.into();
        }
        if self.block_size.is_some() {
            config["block_size"] = spec.block_size().into();
        }
        Ok(serde_json::to_vec_pretty(&config)?)
    }
}

/// Writes the tensors; the bytes of the file.
fn write(checkpoint: &Checkpoint<'_>, formats: Formats, path: &Path) -> Result<u64> {
    let failed = || format!("{} cannot be written", shown(path));
    let mut file = BufWriter::new(Output::create(path)?);
    let bar = progress_bar("{msg} [{bar:30}] {pos}/{len}");
    bar.set_message("writing tensors");
    checkpoint.write_quantised(formats, (path, &mut file), &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    file.flush().with_context(failed)?;
    file.into_inner().map_err(io::IntoInnerError::into_error).with_context(failed)?.finish()?;
    bar.finish_and_clear();
    check_interrupt()?;
    Ok(fs::metadata(path).with_context(failed)?.len())
}

fn copy(file: &FileBytes, folder: &Path) -> Result<()> {
    let name = file.path().file_name().context("a file without a name")?;
    Output::create(&folder.join(name))?.write(file)
}
