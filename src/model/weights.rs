//! A checkpoint's tensors: found in safetensors files, checked against the config, converted.
//! Knows nothing of devices.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use crate::model::config::Spec;
use crate::{Advice, Error, Result};

/// Tensors that published checkpoints carry and inference does not need.
const IGNORED: [&str; 4] =
    ["sampling_eps_min", "sampling_eps_max", "rotary_emb.inv_freq", "lm_head.weight"];
/// Ends of the names of GPT-2's constant masks, which inference does not need either.
const IGNORED_ENDS: [&str; 2] = [".attn.bias", ".attn.masked_bias"];
/// Lines of an error that lists tensors.
const MAX_LINES: usize = 16;

/// The tensors of a checkpoint, all there and of the right shape.
pub struct Checkpoint<'a> {
    spec: Spec,
    source: Source<'a>,
}

enum Source<'a> {
    Files { path: PathBuf, tensors: BTreeMap<String, View<'a>> },
    Random { seed: u64, shapes: BTreeMap<String, Vec<usize>> },
}

struct View<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    data: &'a [u8],
}

impl<'a> Checkpoint<'a> {
    /// Finds and checks every tensor in one file or its shards. Prefixes such as `_orig_mod.`,
    /// `backbone.` or `transformer.` may be there or not.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if a file is damaged, [`Error::Tensors`] listing all that is
    /// missing, unexpected or misshapen.
    pub fn new(spec: &Spec, files: &[(&Path, &'a [u8])]) -> Result<Checkpoint<'a>> {
        let path = files.first().map_or(Path::new(""), |file| file.0).to_path_buf();
        let mut tensors = BTreeMap::new();
        let mut lines = Vec::new();
        for (path, bytes) in files {
            for (name, view) in views(path, bytes)? {
                let known = canonical(&name);
                if tensors.insert(known.clone(), view).is_some() {
                    lines.push(format!("{name} is there twice"));
                }
            }
        }
        let wanted: BTreeMap<String, Vec<usize>> = spec.tensors().into_iter().collect();
        let prefix = spec.prefix();
        for (name, shape) in &wanted {
            match tensors.get(name) {
                None => lines.push(format!("{prefix}{name} is missing, expected {shape:?}")),
                Some(view) if view.shape != *shape => {
                    let got = &view.shape;
                    lines.push(format!("{prefix}{name} has shape {got:?}, expected {shape:?}"));
                }
                Some(view) if !matches!(view.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) => {
                    let got = view.dtype;
                    lines.push(format!("{prefix}{name} is {got:?}, expected F32, F16 or BF16"));
                }
                Some(_) => {}
            }
        }
        tensors.retain(|name, _| {
            let ends = IGNORED_ENDS.iter().any(|end| name.ends_with(end));
            !ends && !IGNORED.contains(&name.as_str())
        });
        let unexpected = tensors.keys().filter(|name| !wanted.contains_key(*name));
        lines.extend(unexpected.map(|name| format!("{name} is unexpected")));
        if !lines.is_empty() {
            return Err(Error::Tensors { path, list: listed(&lines), advice: None });
        }
        Ok(Checkpoint { spec: spec.clone(), source: Source::Files { path, tensors } })
    }

    /// A checkpoint of this shape with generated weights: for measuring, and for memory plans.
    pub fn random(spec: &Spec, seed: u64) -> Checkpoint<'static> {
        let shapes = spec.tensors().into_iter().collect();
        Checkpoint { spec: spec.clone(), source: Source::Random { seed, shapes } }
    }

    /// The shape.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// One tensor's numbers, by its name without prefixes.
    ///
    /// # Errors
    /// [`Error::Tensors`] if it is not there or holds a number that is not finite.
    pub fn tensor(&self, name: &str) -> Result<Vec<f32>> {
        match &self.source {
            Source::Random { seed, shapes } => {
                let shape = shapes.get(name).map_or(&[][..], Vec::as_slice);
                Ok(random_tensor(name, shape, *seed))
            }
            Source::Files { path, tensors } => {
                let fault = |words: String| Error::Tensors {
                    path: path.clone(),
                    list: words,
                    advice: Some(Advice::DownloadAgain),
                };
                let prefix = self.spec.prefix();
                let missing = || fault(format!("\n  {prefix}{name} is missing"));
                let numbers = convert(tensors.get(name).ok_or_else(missing)?);
                if let Some(i) = numbers.iter().position(|x| !x.is_finite()) {
                    let x = numbers.get(i).copied().unwrap_or(f32::NAN);
                    return Err(fault(format!(
                        "\n  {prefix}{name} holds {x} at index {i}, expected finite numbers; \
                         download or convert the checkpoint again"
                    )));
                }
                Ok(numbers)
            }
        }
    }

    /// Fails if a tensor's numbers would not be finite as f16.
    ///
    /// # Errors
    /// [`Error::Tensors`].
    pub fn check_f16(&self, name: &str, numbers: &[f32]) -> Result<()> {
        let (most, prefix) = (f32::from(f16::MAX), self.spec.prefix());
        match (&self.source, numbers.iter().find(|x| x.abs() > most)) {
            (Source::Files { path, .. }, Some(x)) => Err(Error::Tensors {
                path: path.clone(),
                list: format!("\n  {prefix}{name} holds {x}, too large for f16"),
                advice: Some(Advice::HoldF32),
            }),
            _ => Ok(()),
        }
    }
}

fn views<'a>(path: &Path, bytes: &'a [u8]) -> Result<Vec<(String, View<'a>)>> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| {
        let size = bytes.len();
        let cause = format!("not a whole safetensors file ({e}; {size} bytes); download it again");
        Error::checkpoint(path, cause)
    })?;
    let view = |(name, view): (String, safetensors::tensor::TensorView<'a>)| {
        let shape = view.shape().to_vec();
        (name, View { dtype: view.dtype(), shape, data: view.data() })
    };
    Ok(tensors.tensors().into_iter().map(view).collect())
}

/// The name without the prefixes that wrappers add.
fn canonical(name: &str) -> String {
    let name = name.replace("_orig_mod.", "");
    let bare = name.strip_prefix("backbone.").or(name.strip_prefix("transformer."));
    bare.unwrap_or(&name).to_string()
}

fn listed(lines: &[String]) -> String {
    let mut text: String = lines.iter().take(MAX_LINES).map(|line| format!("\n  {line}")).collect();
    if lines.len() > MAX_LINES {
        text += &format!("\n  and {} more", lines.len() - MAX_LINES);
    }
    text
}

fn convert(view: &View<'_>) -> Vec<f32> {
    let halves = || view.data.as_chunks::<2>().0.iter();
    match view.dtype {
        Dtype::F16 => halves().map(|&b| f16::from_le_bytes(b).to_f32()).collect(),
        Dtype::BF16 => halves().map(|&b| bf16::from_le_bytes(b).to_f32()).collect(),
        _ => view.data.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
    }
}

/// Numbers of the size that training starts from: norms 1, biases 0, matrices uniform with
/// standard deviation 0.02.
fn random_tensor(name: &str, shape: &[usize], seed: u64) -> Vec<f32> {
    let n: usize = shape.iter().product();
    if shape.len() == 1 {
        return vec![if name.contains("norm") { 1.0 } else { 0.0 }; n];
    }
    let mut state = name.bytes().fold(seed, |h, b| splitmix(h ^ u64::from(b)));
    let mut number = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        ((splitmix(state) >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * 0.069_282
    };
    (0..n).map(|_| number()).collect()
}

fn splitmix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
