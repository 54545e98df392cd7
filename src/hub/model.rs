//! The files of a model, put together from any source: a folder, a hub, the program itself, or a
//! host program's own bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::hub::byte_level::byte_level_tokenizer;
use crate::hub::bytes::FileBytes;
use crate::hub::sha256::Sha256;
use crate::{Error, Result};

/// Name of the embedded default model.
pub const DEFAULT_MODEL: &str = "tales";

/// All weights in one file.
pub(in crate::hub) const SINGLE: &str = "model.safetensors";
/// All weights as a pickle of PyTorch, and layers beside them, of models that are published so.
pub(in crate::hub) const PICKLE: &str = "pytorch_model.bin";
pub(in crate::hub) const LAYERS: [&str; 2] = ["embed_sum_layer.pt", "timestep_layer.pt"];
/// The list of the files that hold the weights.
pub(in crate::hub) const INDEX: &str = "model.safetensors.index.json";

/// The files of a model.
#[derive(Debug)]
pub struct ModelFiles {
    /// The model's name: that of the embedded one, a folder's path or a hub id.
    pub name: String,
    /// `config.json`.
    pub config: FileBytes,
    /// `model.safetensors`, or its shards; of SSD-LM `pytorch_model.bin` and the layers beside it.
    pub weights: Vec<FileBytes>,
    /// `tokenizer.json`, if the model has one.
    pub tokenizer: Option<FileBytes>,
    /// `tokenizer_config.json`, if the model has one.
    pub tokenizer_config: Option<FileBytes>,
    /// `generation_config.json`, if the model has one.
    pub generation_config: Option<FileBytes>,
    /// `chat_template.jinja`, if the model has one.
    pub chat_template: Option<FileBytes>,
}

/// What a model's files are known by: SHA-256, in hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelDigests {
    /// Of `config.json`.
    pub config_sha256: String,
    /// Of the weights' file; if there are several, of their digests, one a line.
    pub weights_sha256: String,
    /// Of `tokenizer.json`.
    pub tokenizer_sha256: Option<String>,
    /// Of `generation_config.json`.
    pub generation_config_sha256: Option<String>,
    /// Of the adapters that are merged into the weights: of a line for each with its scale and the
    /// digests of its config and weights.
    pub adapters_sha256: Option<String>,
    /// The mask token, if it was asked for.
    pub mask_id: Option<u32>,
    /// Where the grid of blocks begins, if that was asked for.
    pub grid: Option<String>,
}

impl ModelFiles {
    /// Reads all files for their digests.
    pub fn digests(&self) -> ModelDigests {
        let weights: Vec<String> = self.weights.iter().map(|file| Sha256::of(file)).collect();
        ModelDigests {
            config_sha256: Sha256::of(&self.config),
            weights_sha256: match weights.as_slice() {
                [one] => one.clone(),
                several => Sha256::of(several.join("\n").as_bytes()),
            },
            tokenizer_sha256: self.tokenizer.as_ref().map(|file| Sha256::of(file)),
            generation_config_sha256: self.generation_config.as_ref().map(|f| Sha256::of(f)),
            ..ModelDigests::default()
        }
    }

    /// The embedded default model.
    pub fn embedded() -> ModelFiles {
        let file = |name: &str, bytes: &'static [u8]| {
            FileBytes::new(format!("{DEFAULT_MODEL}/{name} (embedded)"), bytes)
        };
        ModelFiles {
            name: DEFAULT_MODEL.into(),
            config: file("config.json", include_bytes!("../../assets/tales/config.json")),
            weights: vec![file(
                "model.safetensors",
                include_bytes!("../../assets/tales/model.safetensors"),
            )],
            tokenizer: Some(file(
                "tokenizer.json",
                include_bytes!("../../assets/tales/tokenizer.json"),
            )),
            tokenizer_config: None,
            generation_config: Some(file(
                "generation_config.json",
                include_bytes!("../../assets/tales/generation_config.json"),
            )),
            chat_template: None,
        }
    }

    /// A model whose files a host program read itself, by their names. Files that a model does not
    /// need may be among them.
    ///
    /// # Errors
    /// [`Error::UnknownModel`] naming the file that is missing, [`Error::Checkpoint`] if the index
    /// of the shards is damaged.
    pub fn from_files(name: &str, mut files: BTreeMap<String, FileBytes>) -> Result<ModelFiles> {
        let missing = |file: &str| {
            Error::unknown_model(format!("there is no {file} among the files of {name}"))
        };
        refuse_stale(files.get(SINGLE), files.get(INDEX))?;
        ModelFiles::assemble(name, &missing, &mut |file| Ok(files.remove(file)))
    }

    /// A model from a source that gives a file by its name, or none.
    pub(in crate::hub) fn assemble(
        name: &str,
        missing: &dyn Fn(&str) -> Error,
        find: &mut dyn FnMut(&str) -> Result<Option<FileBytes>>,
    ) -> Result<ModelFiles> {
        let config = find("config.json")?.ok_or_else(|| missing("config.json"))?;
        // Only of models of this kind pickles are read.
        let layers: &[&str] = if is_roberta(&config) { &LAYERS } else { &[] };
        let whole = match find(SINGLE)? {
            None if !layers.is_empty() => find(PICKLE)?,
            whole => whole,
        };
        let mut weights = match whole {
            Some(file) => vec![file],
            None => {
                let index = find(INDEX)?;
                let shards = shard_names(&index.ok_or_else(|| missing(SINGLE))?)?;
                let shard = |name: &String| find(name)?.ok_or_else(|| missing(name));
                shards.iter().map(shard).collect::<Result<_>>()?
            }
        };
        for layer in layers {
            weights.extend(find(layer)?);
        }
        let tokenizer = match find("tokenizer.json")? {
            None if !layers.is_empty() => byte_level_tokenizer(find)?,
            tokenizer => tokenizer,
        };
        let tokenizer_config = find("tokenizer_config.json")?;
        let generation_config = find("generation_config.json")?;
        let chat_template = find("chat_template.jinja")?;
        Ok(ModelFiles {
            name: name.into(),
            config,
            weights,
            tokenizer,
            tokenizer_config,
            generation_config,
            chat_template,
        })
    }
}

/// True for a config of RoBERTa's kind.
pub(in crate::hub) fn is_roberta(config: &[u8]) -> bool {
    let config: serde_json::Value = serde_json::from_slice(config).unwrap_or_default();
    config.get("model_type").and_then(serde_json::Value::as_str) == Some("roberta")
}

/// Fails for a file of all weights beside an index of other ones: one of them is out of date.
///
/// # Errors
/// [`Error::Checkpoint`].
pub(in crate::hub) fn refuse_stale(
    single: Option<&FileBytes>,
    index: Option<&FileBytes>,
) -> Result<()> {
    let (Some(single), Some(index)) = (single, index) else { return Ok(()) };
    if shard_names(index)?.contains(SINGLE) {
        return Ok(());
    }
    let cause = "stands beside an index of shards that does not list it: remove the one that is \
                 out of date";
    Err(Error::checkpoint(single.path(), cause))
}

/// Names of the shards that a `model.safetensors.index.json` lists.
pub(in crate::hub) fn shard_names(index: &FileBytes) -> Result<BTreeSet<String>> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let damaged = |e| Error::checkpoint(index.path(), format!("not an index of shards: {e}"));
    if index.starts_with(b"version https://git-lfs") {
        let cause = "is a Git LFS pointer, not the index itself (`git lfs pull` fetches it)";
        return Err(Error::checkpoint(index.path(), cause));
    }
    let text = index.strip_prefix(b"\xef\xbb\xbf").unwrap_or(index);
    let listed: Index = serde_json::from_slice(text).map_err(damaged)?;
    let names: BTreeSet<String> = listed.weight_map.into_values().collect();
    if names.is_empty() {
        return Err(Error::checkpoint(index.path(), "lists no shard"));
    }
    // A name with a path in it could lead anywhere.
    match names.iter().find(|name| Path::new(name).file_name() != Some(name.as_ref())) {
        Some(name) => {
            let cause = format!("names the shard `{name}`, expected a file beside the index");
            Err(Error::checkpoint(index.path(), cause))
        }
        None => Ok(names),
    }
}

/// True for `owner/name`.
#[cfg(any(feature = "hub", not(target_arch = "wasm32")))]
pub(in crate::hub) fn is_hub_id(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let part = |p: &str| !p.is_empty() && !p.starts_with('.') && p.chars().all(allowed);
    name.split('/').count() == 2 && name.split('/').all(part)
}
