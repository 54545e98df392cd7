//! Low-rank adapters of the PEFT library: what they add to a checkpoint's matrices, W + s B A. Source:
//! Hu et al., LoRA, 2021; the scale of rank-stabilised ones is that of Kalajdzievski, 2023.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::hub::AdapterFiles;
use crate::model::checkpoint::json;
use crate::model::checkpoint::view::{View, canonical, views};
use crate::model::{Entry, Kind};
use crate::{Error, Result};

/// The keys of an `adapter_config.json` that matter.
#[derive(Deserialize)]
struct Keys {
    peft_type: String,
    r: usize,
    lora_alpha: f64,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    fan_in_fan_out: bool,
    #[serde(default)]
    bias: Option<String>,
}

/// Keys that change what an adapter adds, and are not run: they must be absent, false or empty.
const REFUSED: [&str; 7] = [
    "use_dora",
    "use_qalora",
    "lora_bias",
    "modules_to_save",
    "alpha_pattern",
    "layer_replication",
    "trainable_token_indices",
];

/// An adapter. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct Lora {
    name: String,
    path: PathBuf,
    scale: f32,
    deltas: Arc<HashMap<String, Delta>>,
}

/// What is added to one matrix, `[n, k]`.
#[derive(Debug, Default)]
struct Delta {
    a: Option<Matrix>, // [r, k]
    b: Option<Matrix>, // [n, r]
    scale: f32,
}

#[derive(Debug)]
struct Matrix {
    shape: [usize; 2],
    numbers: Vec<f32>,
}

impl Lora {
    /// Reads an adapter; `scale` is multiplied with its own.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] naming what is damaged, or is of a kind that is not run.
    pub fn read(files: &AdapterFiles, scale: f32) -> Result<Lora> {
        let fault = |words: String| Error::checkpoint(files.config.path(), words);
        let config = json::parse(&files.config).map_err(|e| fault(e.to_string()))?;
        let is_set = |value: &Value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::Array(list) => !list.is_empty(),
            Value::Object(map) => !map.is_empty(),
            _ => true,
        };
        let refused = REFUSED.into_iter().find(|key| config.get(key).is_some_and(is_set));
        let keys: Keys =
            json::keys(config, "an adapter of PEFT").map_err(|e| fault(e.to_string()))?;
        if keys.peft_type != "LORA" {
            return Err(fault(format!("peft_type is `{}`, expected `LORA`", keys.peft_type)));
        }
        if let Some(key) = refused {
            return Err(fault(format!("{key} is set: adapters of this kind are not merged")));
        }
        if keys.fan_in_fan_out {
            return Err(fault("fan_in_fan_out is true, expected false".into()));
        }
        if let Some(bias) = keys.bias.as_deref().filter(|bias| *bias != "none") {
            return Err(fault(format!("bias is `{bias}`, expected `none`")));
        }
        if keys.r == 0 || !keys.lora_alpha.is_finite() || !scale.is_finite() {
            let (r, alpha) = (keys.r, keys.lora_alpha);
            return Err(fault(format!("r is {r}, lora_alpha {alpha} and the scale {scale}")));
        }
        let mut deltas: HashMap<String, Delta> = HashMap::new();
        for (name, view) in views(files.weights.path(), &files.weights)? {
            keys.add(&name, &view, &mut deltas)
                .map_err(|words| Error::checkpoint(files.weights.path(), words))?;
        }
        let (name, path) = (files.name.clone(), files.weights.path().to_path_buf());
        let lora = Lora { name, path, scale, deltas: Arc::new(deltas) };
        lora.check_pairs()?;
        Ok(lora)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Fails for a matrix that the network lacks, or whose shape is another.
    ///
    /// # Errors
    /// [`Error::Checkpoint`].
    pub fn check(&self, entries: &HashMap<String, Entry>) -> Result<()> {
        for (name, delta) in self.deltas.iter() {
            let entry = entries.get(name);
            let is_linear =
                |entry: &&Entry| matches!(entry.kind, Kind::Matrix | Kind::Part | Kind::Table);
            let fits = match entry.filter(is_linear).and_then(Entry::stored_shape) {
                None => {
                    Err("which this model lacks, or does not hold as a linear layer".to_string())
                }
                Some(shape) if shape[..] == delta.shape() => Ok(()),
                Some(shape) => Err(format!("of shape {:?}, here {shape:?}", delta.shape())),
            };
            fits.map_err(|words| self.fault(format!("it adapts {name}, {words}")))?;
        }
        Ok(())
    }

    /// Adds its part to numbers of one matrix, counted as they are stored.
    pub fn add(&self, name: &str, range: Range<usize>, to: &mut [f32]) {
        let Some(Delta { a: Some(a), b: Some(b), scale }) = self.deltas.get(name) else { return };
        let ([rank, k], scale) = (a.shape, scale * self.scale);
        let (mut at, end) = (range.start, range.end);
        while at < end {
            let (row, from) = (at / k, at % k);
            let count = (k - from).min(end - at);
            let there = &mut to[at - range.start..][..count];
            for (j, &weight) in b.numbers[row * rank..(row + 1) * rank].iter().enumerate() {
                let inputs = &a.numbers[j * k + from..][..count];
                there.iter_mut().zip(inputs).for_each(|(x, input)| *x += scale * weight * input);
            }
            at += count;
        }
    }

    fn check_pairs(&self) -> Result<()> {
        for (name, delta) in self.deltas.iter() {
            let ranks =
                (delta.a.as_ref().map(|a| a.shape[0]), delta.b.as_ref().map(|b| b.shape[1]));
            if ranks.0.is_none() || ranks.0 != ranks.1 {
                let words = format!("lora_A and lora_B of {name} do not go together");
                return Err(self.fault(words));
            }
        }
        if self.deltas.is_empty() {
            return Err(self.fault("it adapts nothing".into()));
        }
        Ok(())
    }

    fn fault(&self, words: String) -> Error {
        Error::checkpoint(&self.path, words)
    }
}

impl Delta {
    /// Of the matrix, `[n, k]`.
    fn shape(&self) -> [usize; 2] {
        let side = |matrix: &Option<Matrix>, i: usize| matrix.as_ref().map_or(0, |m| m.shape[i]);
        [side(&self.b, 0), side(&self.a, 1)]
    }
}

impl Keys {
    /// Takes one tensor: `base_model.model.NAME.lora_A.weight`, or `lora_B`.
    fn add(
        &self,
        name: &str,
        view: &View<'_>,
        to: &mut HashMap<String, Delta>,
    ) -> std::result::Result<(), String> {
        let refuse =
            || format!("{name} is unexpected, expected lora_A and lora_B of linear layers");
        let bare = name.strip_prefix("base_model.model.").unwrap_or(name);
        let bare = bare.strip_suffix(".weight").ok_or_else(refuse)?;
        let bare = bare.strip_suffix(".default").unwrap_or(bare);
        let (module, side) = bare.rsplit_once(".lora_").ok_or_else(refuse)?;
        let matrix = view.matrix().ok_or_else(|| format!("{name} is no matrix of floats"))?;
        if matrix.1.iter().any(|x| !x.is_finite()) {
            return Err(format!("{name} holds a number that is not finite"));
        }
        let matrix = Matrix { shape: matrix.0, numbers: matrix.1 };
        let delta = to.entry(canonical(&format!("{module}.weight"))).or_default();
        match side {
            "A" => {
                let rank = matrix.shape[0].max(1) as f64;
                let root = if self.use_rslora { rank.sqrt() } else { rank };
                delta.scale = (self.lora_alpha / root) as f32;
                delta.a = Some(matrix);
            }
            "B" => delta.b = Some(matrix),
            _ => return Err(refuse()),
        }
        Ok(())
    }
}
