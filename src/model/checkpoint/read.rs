//! A checkpoint's tensors: found in safetensors files, checked against the table, read part by part.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use crate::model::checkpoint::random;
use crate::model::{Entry, Spec};
use crate::text::mishap;
use crate::{Advice, Error, Fault, Result};

/// What wrappers put before the names of a network's tensors.
const WRAPPERS: [&str; 6] =
    ["module.", "model.", "_orig_mod.", "backbone.", "transformer.", "network."];
/// Lines of an error that lists tensors.
const MAX_LINES: usize = 16;

/// The tensors of a checkpoint, all there and of the right shape.
pub struct Checkpoint<'a> {
    spec: Spec,
    entries: HashMap<String, Entry>,
    source: Source<'a>,
}

enum Source<'a> {
    Files { path: PathBuf, tensors: BTreeMap<String, View<'a>> },
    Random { seed: u64 },
}

struct View<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    data: &'a [u8],
}

impl<'a> Checkpoint<'a> {
    /// Finds and checks every tensor in one file or its shards. Prefixes such as `module.`,
    /// `backbone.` or `transformer.` may be there or not, in any order.
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
        for (name, shape) in &wanted {
            let wrong = match tensors.get(name) {
                None => Some(format!("is missing, expected {shape:?}")),
                Some(view) => view.misfit(shape),
            };
            lines.extend(wrong.map(|words| format!("{} {words}", spec.stored_name(name))));
        }
        tensors.retain(|name, _| !spec.ignores(name));
        let unexpected = tensors.keys().filter(|name| !wanted.contains_key(*name));
        lines.extend(unexpected.map(|name| format!("{name} is unexpected")));
        if !lines.is_empty() {
            return Err(Error::Tensors { path, list: listed(&lines), advice: None });
        }
        Ok(Checkpoint::of(spec, Source::Files { path, tensors }))
    }

    /// A checkpoint of this shape with generated weights: for measuring, and for memory plans.
    pub fn random(spec: &Spec, seed: u64) -> Checkpoint<'static> {
        Checkpoint::of(spec, Source::Random { seed })
    }

    fn of<'b>(spec: &Spec, source: Source<'b>) -> Checkpoint<'b> {
        let named = |entry: Entry| (entry.name.clone(), entry);
        let entries = spec.table().into_iter().map(named).collect();
        Checkpoint { spec: spec.clone(), entries, source }
    }

    /// The network.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// A row of the table, by the tensor's name without prefixes.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is none.
    pub fn entry(&self, name: &str) -> Result<&Entry> {
        let missing = || Error::internal(format!("{name} is not in the table of tensors"));
        self.entries.get(name).ok_or_else(missing)
    }

    /// All of one tensor's numbers, by its name without prefixes.
    ///
    /// # Errors
    /// As [`Checkpoint::read`].
    pub fn tensor(&self, name: &str) -> Result<Vec<f32>> {
        let count = self.stored_shape(name)?.iter().product();
        let mut numbers = Vec::with_capacity(count);
        self.read(name, 0..count, &mut numbers)?;
        Ok(numbers)
    }

    /// Appends some of one tensor's numbers, counted as they are stored.
    ///
    /// # Errors
    /// [`Error::Tensors`] for a number that is not finite, [`Error::Internal`] for numbers that
    /// the tensor does not have.
    pub fn read(&self, name: &str, range: Range<usize>, to: &mut Vec<f32>) -> Result<()> {
        let from = to.len();
        match &self.source {
            Source::Random { seed } => {
                let shape = self.stored_shape(name)?;
                to.extend(random::numbers(name, &shape, *seed, range.clone()));
            }
            Source::Files { tensors, .. } => {
                let missing = || Error::internal(format!("{name} has no numbers {range:?}"));
                let view = tensors.get(name).ok_or_else(missing)?;
                view.extend(range.clone(), to).ok_or_else(missing)?;
            }
        }
        match to[from..].iter().position(|x| !x.is_finite()) {
            None => Ok(()),
            Some(i) => {
                let (x, at) = (to[from + i], range.start + i);
                let words = format!("holds {x} at index {at}, expected finite numbers");
                Err(self.fault(name, &words, Advice::DownloadAgain))
            }
        }
    }

    /// What is wrong with one tensor.
    pub fn fault(&self, name: &str, words: &str, advice: Advice) -> Error {
        let path = match &self.source {
            Source::Files { path, .. } => path.clone(),
            Source::Random { .. } => PathBuf::from("generated weights"),
        };
        let list = format!("\n  {} {words}", self.spec.stored_name(name));
        Error::Tensors { path, list, advice: Some(advice) }
    }

    fn stored_shape(&self, name: &str) -> Result<Vec<usize>> {
        let computed = || Error::internal(format!("{name} is computed, not stored"));
        self.entry(name)?.stored_shape().ok_or_else(computed)
    }
}

impl View<'_> {
    /// Why it is not a tensor of floats of this shape, if it is not.
    fn misfit(&self, wanted: &[usize]) -> Option<String> {
        let View { dtype, shape, .. } = self;
        if shape != wanted {
            return Some(format!("has shape {shape:?}, expected {wanted:?}"));
        }
        let is_float = matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16);
        (!is_float).then(|| format!("is {dtype:?}, expected F32, F16 or BF16"))
    }

    /// Appends some of its numbers; None if it has not so many.
    fn extend(&self, range: Range<usize>, to: &mut Vec<f32>) -> Option<()> {
        let size = if self.dtype == Dtype::F32 { 4 } else { 2 };
        let bytes = self.data.get(range.start * size..range.end * size)?;
        let halves = || bytes.as_chunks::<2>().0.iter();
        match self.dtype {
            Dtype::F16 => to.extend(halves().map(|&b| f16::from_le_bytes(b).to_f32())),
            Dtype::BF16 => to.extend(halves().map(|&b| bf16::from_le_bytes(b).to_f32())),
            _ => to.extend(bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b))),
        }
        Some(())
    }
}

fn views<'a>(path: &Path, bytes: &'a [u8]) -> Result<Vec<(String, View<'a>)>> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| {
        let size = bytes.len();
        let cause = match mishap(bytes) {
            Some(what) => format!("it is {what}"),
            None => format!("not a whole safetensors file ({e}; {size} bytes)"),
        };
        Error::checkpoint(path, Fault::from(cause).advise(Advice::DownloadAgain))
    })?;
    let view = |(name, view): (String, safetensors::tensor::TensorView<'a>)| {
        let shape = view.shape().to_vec();
        (name, View { dtype: view.dtype(), shape, data: view.data() })
    };
    Ok(tensors.tensors().into_iter().map(view).collect())
}

/// The name without the prefixes that wrappers add, in any order.
fn canonical(name: &str) -> String {
    let name = name.replace("_orig_mod.", "");
    let mut bare = name.as_str();
    while let Some(rest) = WRAPPERS.iter().find_map(|wrapper| bare.strip_prefix(wrapper)) {
        bare = rest;
    }
    bare.to_string()
}

fn listed(lines: &[String]) -> String {
    let mut text: String = lines.iter().take(MAX_LINES).map(|line| format!("\n  {line}")).collect();
    if lines.len() > MAX_LINES {
        text += &format!("\n  and {} more", lines.len() - MAX_LINES);
    }
    text
}
