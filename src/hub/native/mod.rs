//! Models by their names on a computer: folders on the disk, and the Hugging Face hub through its
//! cache. The only place that reads files, maps them or uses the network.

#[cfg(feature = "hub")]
mod dataset;
mod files;
pub(crate) mod kept;
mod output;
#[cfg(feature = "hub")]
mod remote;

use std::path::Path;

#[cfg(feature = "hub")]
pub use dataset::DatasetFiles;
pub(crate) use files::{open_file, unnamed_file};
pub use output::Output;

use crate::hub::model::{INDEX, SINGLE, is_hub_id, refuse_stale};
use crate::hub::{AdapterFiles, DEFAULT_MODEL, Download, FileBytes, HubOptions, ModelFiles};
use crate::{Advice, Error, Fault, Result};

impl ModelFiles {
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
        let missing = |file: &str| {
            let other = if file == SINGLE { other_weights(folder) } else { None };
            let other = other.map(|words| format!(", but {words}")).unwrap_or_default();
            let folder = folder.display();
            Error::unknown_model(format!("the folder {folder} holds no {file}{other}"))
        };
        let mut find = |file: &str| {
            let path = Some(folder.join(file)).filter(|path| path.is_file());
            path.map(|path| FileBytes::open(&path)).transpose()
        };
        let (single, index) = (find(SINGLE)?, find(INDEX)?);
        refuse_stale(single.as_ref(), index.as_ref())?;
        ModelFiles::assemble(&folder.display().to_string(), &missing, &mut find)
    }
}

/// Weights in a folder that are not read, in words.
fn other_weights(folder: &Path) -> Option<String> {
    let names = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    let ending = |endings: &[&str]| {
        names.iter().find(|name| endings.iter().any(|ending| name.ends_with(ending)))
    };
    if let Some(name) = names.iter().find(|n| n.contains("-of-") && n.ends_with(".safetensors")) {
        return Some(format!("the shard {name} without {INDEX}, which lists the shards"));
    }
    if let Some(name) = ending(&[".safetensors"]) {
        return Some(format!("{name}, which may be it under another name"));
    }
    if let Some(name) = ending(&[".gguf"]) {
        return Some(format!("{name}, a format that is not read"));
    }
    let pickle = ending(&[".bin", ".pt", ".pth", ".ckpt"])?;
    Some(format!("{pickle}, which may be a pickle of PyTorch: convert it to safetensors"))
}

impl AdapterFiles {
    /// Finds an adapter: a folder, or a hub id `owner/name`.
    ///
    /// # Errors
    /// [`Error::UnknownModel`], [`Error::Hub`], [`Error::Io`].
    pub fn find(
        name: &str,
        options: &HubOptions,
        progress: &mut dyn FnMut(&Download),
    ) -> Result<AdapterFiles> {
        let folder = Path::new(name);
        if folder.is_dir() {
            let missing = |file: &str| {
                Error::unknown_model(format!("the folder {name} holds no {file}: it is no adapter"))
            };
            return AdapterFiles::assemble(name, &missing, &mut |file| {
                let path = Some(folder.join(file)).filter(|path| path.is_file());
                path.map(|path| FileBytes::open(&path)).transpose()
            });
        }
        if is_hub_id(name) {
            return fetch_adapter(name, options, progress);
        }
        Err(Error::unknown_model(format!(
            "there is no adapter `{name}`: expected a folder with adapter_config.json and \
             adapter_model.safetensors, or a hub id"
        )))
    }
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
    ModelFiles::assemble(id, &missing, &mut |file| repository.open(file))
}

#[cfg(feature = "hub")]
fn fetch_adapter(
    id: &str,
    options: &HubOptions,
    progress: &mut dyn FnMut(&Download),
) -> Result<AdapterFiles> {
    let mut repository = remote::Repository::new(id, options, progress)?;
    let missing =
        |file: &str| Error::hub(format!("the hub has no {file} in {id}: it is no adapter"));
    AdapterFiles::assemble(id, &missing, &mut |file| repository.open(file))
}

#[cfg(feature = "hub")]
fn fetch_file(
    id: &str,
    file: &str,
    options: &HubOptions,
    progress: &mut dyn FnMut(&Download),
) -> Result<FileBytes> {
    let found = remote::Repository::new(id, options, progress)?.open(file)?;
    found.ok_or_else(|| Error::hub(format!("the hub has no {file} in {id}")))
}

#[cfg(not(feature = "hub"))]
fn fetch(id: &str, _: &HubOptions, _: &mut dyn FnMut(&Download)) -> Result<ModelFiles> {
    Err(Error::hub(format!("this build has no hub access (feature `hub`): cannot find {id}")))
}

#[cfg(not(feature = "hub"))]
fn fetch_adapter(id: &str, _: &HubOptions, _: &mut dyn FnMut(&Download)) -> Result<AdapterFiles> {
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
