//! `bdlm gradients`: for comparing with another implementation.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bdlm::gpu::Gpu;
use bdlm::model::{Checkpoint, Objective, Spec};
use bdlm::train::{Backward, BackwardOptions, Parameters, TrainBatch, TrainShape};
use clap::Args;
use safetensors::tensor::{Dtype, TensorView};

use crate::cli::device::AdapterArgs;
use crate::cli::files::{Input, read, shown};
use crate::cli::model::ModelArgs;
use crate::cli::output::Output;
use crate::cli::process::check_interrupt;

/// Rows of a pass: more sequences than fit go in several.
const MAX_ROWS: usize = 4096;

/// Store the gradient of the training loss by every weight.
///
/// The input holds `ids` [B, n] int64, `noisy` [B, n] int64 and `t` [B, n] float32, the mask probability
/// of each token's block. The loss of a position is -log(p) / t where `noisy` is the mask token, else 0;
/// the first token counts like any other. The output holds `loss` [B, n] float32 and, for every tensor of
/// the checkpoint, `grad.NAME` of its name and shape: the gradient of the mean of `loss`, with noise level
/// 0 and without dropout. All of it is computed in float32.
#[derive(Args)]
#[command(after_help = "Example:
  bdlm gradients --model my-checkpoint --input batch.safetensors --output gradients.safetensors")]
pub struct Gradients {
    #[command(flatten)]
    model: ModelArgs,
    /// Safetensors file of the tokens
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// File to write loss and gradients to
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Tokens in a block [default: the checkpoint's]
    #[arg(long, value_name = "K")]
    block_size: Option<usize>,
    #[command(flatten)]
    device: AdapterArgs,
}

/// What the input holds.
struct Tokens {
    ids: Vec<u32>,
    noisy: Vec<u32>,
    t: Vec<f32>,
    shape: [usize; 2],
}

impl Gradients {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let tokens = Tokens::read(&self.input)?;
        // Fails before the work, not after it.
        let output = Output::create(&self.output)?;
        let files = self.model.find()?;
        let spec = Spec::of_files(&files, self.model.habits(None))?;
        self.block_size.map_or(Ok(()), |size| spec.check_block_size(size))?;
        if !matches!(spec.objective, Objective::Block { .. } | Objective::Masked) {
            bail!("this checkpoint is {}, expected BD3-LM or MDLM", spec.family());
        }
        let gpu = self.device.request()?;
        let shards: Vec<_> = files.weights.iter().map(|file| (file.path(), &**file)).collect();
        let parameters = Parameters::new(&gpu, &Checkpoint::new(&spec, &shards)?)?;
        let losses = self.losses(&gpu, &parameters, &tokens)?;
        let gradients = pollster::block_on(parameters.read_gradients())?;
        check_interrupt()?;
        output.write(&stored(&parameters, &gradients, (&losses, tokens.shape))?)
    }

    /// The loss of every position; the gradients are those of its mean.
    fn losses(&self, gpu: &Gpu, parameters: &Parameters, tokens: &Tokens) -> Result<Vec<f32>> {
        let (spec, [sequences, length]) = (parameters.spec(), tokens.shape);
        let has_clean = spec.block_size().is_some();
        let rows = length * if has_clean { 2 } else { 1 };
        // The most that are a whole part of all.
        let fit = |&count: &usize| sequences.is_multiple_of(count) && count * rows <= MAX_ROWS;
        let at_once = (1..=sequences).rev().find(fit).unwrap_or(1);
        let shape = TrainShape { sequences: at_once, length, has_clean };
        let backward = Backward::new(parameters, shape, BackwardOptions::default())?;
        let mut losses = Vec::with_capacity(tokens.ids.len());
        let weights = tokens.weights(spec);
        for from in (0..tokens.ids.len()).step_by(shape.tokens()) {
            let part = from..from + shape.tokens();
            let batch = TrainBatch {
                inputs: tokens.noisy[part.clone()].to_vec(),
                clean: has_clean.then(|| tokens.ids[part.clone()].to_vec()),
                targets: tokens.ids[part.clone()].to_vec(),
                weights: weights[part.clone()].iter().map(|w| w / weights.len() as f32).collect(),
                mask: spec.mask(self.block_size),
            };
            let nll = pollster::block_on(backward.forward_backward(&batch, 0))?;
            losses.extend(nll.iter().zip(&weights[part]).map(|(nll, weight)| nll * weight));
            gpu.check()?;
            check_interrupt()?;
        }
        Ok(losses)
    }
}

impl Tokens {
    fn read(path: &Path) -> Result<Tokens> {
        let bytes = read(path)?;
        let input = Input::new(path, &bytes)?;
        let (ids, shape) = input.expect_ids()?;
        if ids.is_empty() {
            bail!("{}: ids has shape {shape:?}, expected at least one token", shown(path));
        }
        let noisy = input.ids("noisy")?;
        let missing = || format!("{} holds no `noisy` [B, n] int64", shown(path));
        let (noisy, other) = noisy.with_context(missing)?;
        if other != shape {
            bail!("{}: noisy has shape {other:?}, expected that of ids, {shape:?}", shown(path));
        }
        let t = input.numbers("t", &shape)?;
        let t = t.with_context(|| format!("{} holds no `t` [B, n] float32", shown(path)))?;
        if let Some(wrong) = t.iter().find(|&&t| !(t > 0.0 && t <= 1.0)) {
            bail!("{}: t holds {wrong}, expected numbers above 0 and up to 1", shown(path));
        }
        Ok(Tokens { ids, noisy, t, shape })
    }

    /// `1 / t` where a token is masked, else 0.
    fn weights(&self, spec: &Spec) -> Vec<f32> {
        let weight = |(&id, t): (&u32, &f32)| if id == spec.masked_id() { 1.0 / t } else { 0.0 };
        self.noisy.iter().zip(&self.t).map(weight).collect()
    }
}

/// The output's bytes.
fn stored(
    parameters: &Parameters,
    gradients: &[Vec<f32>],
    (losses, shape): (&[f32], [usize; 2]),
) -> Result<Vec<u8>> {
    let bytes = |numbers: &[f32]| numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let spec = parameters.spec();
    let mut tensors = vec![("loss".to_string(), shape.to_vec(), bytes(losses))];
    for (parameter, gradient) in parameters.list().iter().zip(gradients) {
        let name = format!("grad.{}", spec.stored_name(parameter.name()));
        tensors.push((name, parameter.shape(), bytes(gradient)));
    }
    let mut views = HashMap::new();
    for (name, shape, bytes) in &tensors {
        views.insert(name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?);
    }
    Ok(safetensors::serialize(views, None)?)
}
