//! What is asked of the hub, and how a download goes on. Knows neither the disk nor the network.

use std::ffi::OsString;
use std::path::PathBuf;

/// Bytes of a download so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// Name of the file in its repository.
    pub file: String,
    /// Bytes that are here.
    pub done_bytes: u64,
    /// Bytes of the whole file; 0 if that is not known.
    pub total_bytes: u64,
}

/// A model of the hub that a browser keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptModel {
    /// Its id on the hub, with the hub's address if it is another one.
    pub id: String,
    /// Bytes of its files.
    pub size_bytes: u64,
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
