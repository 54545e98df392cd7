//! A model's name → its files: the embedded default, a folder, a repository of the Hugging Face hub,
//! or bytes that a host program read itself; and the files of a data set on the hub. Knows nothing of
//! what is in them. Only `native` uses the disk and the network of a computer, only `web` the network
//! and the storage of a browser.

mod adapter;
mod byte_level;
mod bytes;
mod model;
#[cfg(not(target_arch = "wasm32"))]
mod native;
mod options;
mod sha256;
#[cfg(target_arch = "wasm32")]
mod web;

pub use adapter::AdapterFiles;
pub use bytes::FileBytes;
pub use model::{DEFAULT_MODEL, ModelDigests, ModelFiles};
#[cfg(all(feature = "hub", not(target_arch = "wasm32")))]
pub use native::DatasetFiles;
#[cfg(not(target_arch = "wasm32"))]
pub use native::{Output, gpt2_tokenizer};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{kept, open_file, unnamed_file};
pub use options::{DatasetSplit, Download, HubOptions, KeptModel};
pub use sha256::Sha256;
#[cfg(target_arch = "wasm32")]
pub(crate) use web::kept;
#[cfg(all(feature = "hub", target_arch = "wasm32"))]
pub use web::{delete_model, gpt2_tokenizer, kept_models};
