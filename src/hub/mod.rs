//! A model's name → its files: the embedded default, a folder, or a repository of the Hugging
//! Face hub; and the files of a data set there. Knows nothing of what is in them.

#[cfg(feature = "hub")]
mod dataset;
mod files;
#[cfg(feature = "hub")]
mod remote;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

#[cfg(feature = "hub")]
pub use dataset::DatasetFiles;
pub use files::FileBytes;

use crate::{Advice, Error, Fault, Result};

/// Name of the embedded default model.
pub const DEFAULT_MODEL: &str = "tales";

/// Bytes of a download so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// Name of the file in its repository.
    pub file: String,
    /// Bytes that are here.
    pub done_bytes: u64,
    /// Bytes of the whole file.
    pub total_bytes: u64,
}

/// The files of a model.
#[derive(Debug)]
pub struct ModelFiles {
    /// The name it was asked for by.
    pub name: String,
    /// `config.json`.
    pub config: FileBytes,
    /// `model.safetensors`, or its shards.
    pub weights: Vec<FileBytes>,
    /// `tokenizer.json`, if the model has one.
    pub tokenizer: Option<FileBytes>,
}

/// A part of a data set on the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetSplit {
    /// The set's id, `owner/name`.
    pub id: String,
    /// Its configuration, `default` if there is only one.
    pub config: String,
    /// `train`, `validation` or `test`.
    pub split: String,
}

/// Where the hub and its cache are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HubOptions {
    /// Another hub than huggingface.co.
    pub endpoint: Option<String>,
    /// The folder that holds the cache, `~/.cache/huggingface` if absent.
    pub home: Option<PathBuf>,
    /// For repositories that only some users may read.
    pub token: Option<String>,
    /// Use only what is cached.
    pub offline: bool,
}

impl HubOptions {
    /// The options that the variables `HF_ENDPOINT`, `HF_HOME`, `HF_TOKEN` and `HF_HUB_OFFLINE`
    /// ask for, as in all clients of the hub. The library reads no environment: `variable` does, such
    /// as `|name| std::env::var_os(name)`.
    pub fn from_vars(variable: impl Fn(&str) -> Option<OsString>) -> HubOptions {
        let text = |name: &str| variable(name)?.into_string().ok();
        let get = |name: &str| text(name).filter(|value| !value.is_empty());
        HubOptions {
            endpoint: get("HF_ENDPOINT"),
            home: get("HF_HOME").map(PathBuf::from),
            token: get("HF_TOKEN"),
            offline: get("HF_HUB_OFFLINE").is_some_and(|value| value != "0"),
        }
    }
}

impl ModelFiles {
    /// The embedded default model.
    pub fn embedded() -> ModelFiles {
        ModelFiles {
            name: DEFAULT_MODEL.into(),
            config: FileBytes::embedded(
                "tales/config.json",
                include_bytes!("../../assets/tales/config.json"),
            ),
            weights: vec![FileBytes::embedded(
                "tales/model.safetensors",
                include_bytes!("../../assets/tales/model.safetensors"),
            )],
            tokenizer: Some(FileBytes::embedded(
                "tales/tokenizer.json",
                include_bytes!("../../assets/tales/tokenizer.json"),
            )),
        }
    }

    /// Finds a model: `tales`, a folder, or a hub id `owner/name`. A folder wins over a hub id.
    ///
    /// # Errors
    /// [`Error::UnknownModel`], [`Error::Hub`], [`Error::Io`], [`Error::Checkpoint`].
    pub fn find(
        name: &str,
        options: &HubOptions,
        progress: &mut dyn FnMut(&Download),
    ) -> Result<ModelFiles> {
        let path = Path::new(name);
        if name == DEFAULT_MODEL {
            return Ok(ModelFiles::embedded());
        }
        if path.is_dir() {
            return ModelFiles::open(path);
        }
        if path.is_file() {
            return Err(Error::unknown_model(format!(
                "{name} is a file, expected the folder that holds config.json and \
                 model.safetensors"
            )));
        }
        if is_hub_id(name) {
            return fetch(name, options, progress);
        }
        Err(Error::unknown_model(format!(
            "there is no model `{name}`: expected `{DEFAULT_MODEL}`, a folder with config.json \
             and model.safetensors, or a hub id such as kuleshov-group/bd3lm-owt-block_size16"
        )))
    }

    /// The model in a folder.
    ///
    /// # Errors
    /// [`Error::UnknownModel`] naming the file that is missing, [`Error::Io`],
    /// [`Error::Checkpoint`].
    pub fn open(folder: &Path) -> Result<ModelFiles> {
        let find = |file: &str| Ok(Some(folder.join(file)).filter(|path| path.is_file()));
        let missing = |file: &str| {
            let folder = folder.display();
            Error::unknown_model(format!("the folder {folder} holds no {file}"))
        };
        assemble(&folder.display().to_string(), &missing, &mut { find })
    }
}

/// True for `owner/name`.
fn is_hub_id(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let part = |p: &str| !p.is_empty() && !p.starts_with('.') && p.chars().all(allowed);
    name.split('/').count() == 2 && name.split('/').all(part)
}

/// Puts a model together from a source that knows where a file is, or that there is none.
fn assemble(
    name: &str,
    missing: &dyn Fn(&str) -> Error,
    find: &mut dyn FnMut(&str) -> Result<Option<PathBuf>>,
) -> Result<ModelFiles> {
    let config = FileBytes::open(&find("config.json")?.ok_or_else(|| missing("config.json"))?)?;
    let shards = match find("model.safetensors")? {
        Some(path) => vec![path],
        None => {
            let index = find("model.safetensors.index.json")?;
            let index = index.ok_or_else(|| missing("model.safetensors"))?;
            let names = files::shard_names(&FileBytes::open(&index)?)?;
            let shard = |name: &String| find(name)?.ok_or_else(|| missing(name));
            names.iter().map(shard).collect::<Result<Vec<_>>>()?
        }
    };
    let weights = shards.iter().map(|path| FileBytes::open(path)).collect::<Result<_>>()?;
    let tokenizer = find("tokenizer.json")?.map(|path| FileBytes::open(&path)).transpose()?;
    Ok(ModelFiles { name: name.into(), config, weights, tokenizer })
}

/// GPT-2's tokenizer from the hub, for checkpoints without one.
///
/// # Errors
/// [`Error::Hub`].
pub fn gpt2_tokenizer(
    options: &HubOptions,
    progress: &mut dyn FnMut(&Download),
) -> Result<FileBytes> {
    let why = "this checkpoint has no tokenizer.json, so GPT-2's is needed";
    let fault = |e| Fault::from(format!("{e} ({why})")).advise(Advice::NameTokenizer);
    fetch_file("openai-community/gpt2", "tokenizer.json", options, progress)
        .map_err(|e| Error::Hub(fault(e)))
}

#[cfg(feature = "hub")]
fn fetch(
    id: &str,
    options: &HubOptions,
    progress: &mut dyn FnMut(&Download),
) -> Result<ModelFiles> {
    let mut repository = remote::Repository::new(id, options, progress)?;
    let missing = |file: &str| {
        Error::hub(format!("the hub has no {file} in {id}: it is not a model that bdlm can run"))
    };
    assemble(id, &missing, &mut |file| repository.find(file))
}

#[cfg(feature = "hub")]
fn fetch_file(
    id: &str,
    file: &str,
    options: &HubOptions,
    progress: &mut dyn FnMut(&Download),
) -> Result<FileBytes> {
    let path = remote::Repository::new(id, options, progress)?.find(file)?;
    FileBytes::open(&path.ok_or_else(|| Error::hub(format!("the hub has no {file} in {id}")))?)
}

#[cfg(not(feature = "hub"))]
fn fetch(id: &str, _: &HubOptions, _: &mut dyn FnMut(&Download)) -> Result<ModelFiles> {
    Err(Error::hub(format!("this build has no hub access (feature `hub`): cannot find {id}")))
}

#[cfg(not(feature = "hub"))]
fn fetch_file(
    id: &str,
    file: &str,
    _: &HubOptions,
    _: &mut dyn FnMut(&Download),
) -> Result<FileBytes> {
    Err(Error::hub(format!("this build has no hub access (feature `hub`): no {file} of {id}")))
}
