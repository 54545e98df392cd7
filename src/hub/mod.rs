//! A model's name → its files: the embedded default, a folder, a repository of the Hugging Face hub,
//! or bytes that a host program read itself; and the files of a data set on the hub. Knows nothing of
//! what is in them. Only `native` uses the disk and the network: in a browser a host program hands
//! over bytes.

mod bytes;
mod model;
#[cfg(not(target_arch = "wasm32"))]
mod native;

use std::path::PathBuf;

pub use bytes::FileBytes;
pub use model::{DEFAULT_MODEL, ModelFiles};
#[cfg(all(feature = "hub", not(target_arch = "wasm32")))]
pub use native::DatasetFiles;
#[cfg(not(target_arch = "wasm32"))]
pub use native::gpt2_tokenizer;

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

/// Where the hub and its cache are, by the variables that all hub clients share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HubOptions {
    /// `HF_ENDPOINT`: another hub than huggingface.co.
    pub endpoint: Option<String>,
    /// `HF_HOME`: the folder that holds the cache, `~/.cache/huggingface` if absent.
    pub home: Option<PathBuf>,
    /// `HF_TOKEN`: for repositories that ask who one is.
    pub token: Option<String>,
    /// `HF_HUB_OFFLINE`: use what is cached, ask nobody.
    pub offline: bool,
}

impl HubOptions {
    /// Reads the variables.
    #[allow(
        clippy::disallowed_methods,
        reason = "hub clients share these variables; a host program can fill the fields itself"
    )]
    pub fn from_env() -> HubOptions {
        let get = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        HubOptions {
            endpoint: get("HF_ENDPOINT"),
            home: get("HF_HOME").map(PathBuf::from),
            token: get("HF_TOKEN"),
            offline: get("HF_HUB_OFFLINE").is_some_and(|value| value != "0"),
        }
    }
}
