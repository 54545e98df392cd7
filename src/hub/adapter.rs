//! The files of an adapter: what was trained on top of a model.

use std::collections::BTreeMap;

use crate::Error;
use crate::Result;
use crate::hub::bytes::FileBytes;

/// The files of a PEFT adapter.
#[derive(Debug)]
pub struct AdapterFiles {
    /// Its name: a folder's path or a hub id.
    pub name: String,
    /// `adapter_config.json`.
    pub config: FileBytes,
    /// `adapter_model.safetensors`.
    pub weights: FileBytes,
}

impl AdapterFiles {
    /// An adapter whose files a host program read itself, by their names.
    ///
    /// # Errors
    /// [`Error::UnknownModel`] naming the file that is missing.
    pub fn from_files(name: &str, mut files: BTreeMap<String, FileBytes>) -> Result<AdapterFiles> {
        let missing = |file: &str| {
            Error::unknown_model(format!("there is no {file} among the files of {name}"))
        };
        AdapterFiles::assemble(name, &missing, &mut |file| Ok(files.remove(file)))
    }

    /// An adapter from a source that gives a file by its name, or none.
    pub(in crate::hub) fn assemble(
        name: &str,
        missing: &dyn Fn(&str) -> Error,
        find: &mut dyn FnMut(&str) -> Result<Option<FileBytes>>,
    ) -> Result<AdapterFiles> {
        let mut file = |file: &str| find(file)?.ok_or_else(|| missing(file));
        let config = file("adapter_config.json")?;
        Ok(AdapterFiles { name: name.into(), config, weights: file("adapter_model.safetensors")? })
    }
}
