//! A checkpoint's tensors: found in safetensors files, checked against the table, read part by part.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::model::checkpoint::lora::Lora;
use crate::model::checkpoint::random;
use crate::model::checkpoint::view::{SCALES, View, canonical, views};
use crate::model::{Axis, Entry, Spec};
use crate::{Advice, Error, Result};

/// Lines of an error that lists tensors.
const MAX_LINES: usize = 16;

/// The tensors of a checkpoint, all there and of the right shape.
pub struct Checkpoint<'a> {
    spec: Spec,
    entries: HashMap<String, Entry>,
    source: Source<'a>,
    loras: Vec<Lora>,
}

enum Source<'a> {
    Files { path: PathBuf, tensors: BTreeMap<String, View<'a>> },
    Random { seed: u64 },
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
        take_scales(&mut tensors);
        let sides: HashMap<String, Vec<Axis>> =
            spec.table().into_iter().map(|entry| (entry.name, entry.axes)).collect();
        for (name, shape) in &wanted {
            let wrong = match tensors.get(name) {
                None => Some(format!("is missing, expected {shape:?}")),
                Some(view) => {
                    view.misfit(shape, sides.get(name).map_or(&[][..], |sides| &sides[..]))
                }
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
        Checkpoint { spec: spec.clone(), entries, source, loras: Vec::new() }
    }

    /// The checkpoint with adapters merged into its matrices, one after the other.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for one that adapts what this network lacks.
    pub fn adapted(self, loras: Vec<Lora>) -> Result<Checkpoint<'a>> {
        loras.iter().try_for_each(|lora| lora.check(&self.entries))?;
        Ok(Checkpoint { loras, ..self })
    }

    /// Whether a matrix is held in integers with scales: then its rows are outputs, in any network.
    pub fn is_packed(&self, name: &str) -> bool {
        match &self.source {
            Source::Files { tensors, .. } => {
                tensors.get(name).is_some_and(|view| view.packed().is_some())
            }
            Source::Random { .. } => false,
        }
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
                let found = match (view.packed(), self.entry(name)?.axes.get(1)) {
                    (Some(_), Some(&side)) => view.extend_packed(range.clone(), side, to),
                    _ => view.extend(range.clone(), to),
                };
                found.ok_or_else(missing)?;
            }
        }
        for lora in &self.loras {
            lora.add(name, range.clone(), &mut to[from..]);
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

/// Gives the scales to the matrices that they belong to.
fn take_scales(tensors: &mut BTreeMap<String, View<'_>>) {
    let names: Vec<String> =
        tensors.keys().filter(|name| name.ends_with(SCALES)).cloned().collect();
    for name in names {
        let of = name.strip_suffix(SCALES).unwrap_or_default();
        if tensors.contains_key(of)
            && let Some(scales) = tensors.remove(&name)
            && let Some(view) = tensors.get_mut(of)
        {
            view.with_scales(&scales);
        }
    }
}

fn listed(lines: &[String]) -> String {
    let mut text: String = lines.iter().take(MAX_LINES).map(|line| format!("\n  {line}")).collect();
    if lines.len() > MAX_LINES {
        text += &format!("\n  and {} more", lines.len() - MAX_LINES);
    }
    text
}
