//! What a browser has in place of `native`: files are fetched, and those of the hub kept in the storage
//! of the page's origin.

#[cfg(feature = "hub")]
mod fetch;
pub(crate) mod kept;
#[cfg(feature = "hub")]
mod model;
#[cfg(feature = "hub")]
mod store;

#[cfg(feature = "hub")]
pub use model::gpt2_tokenizer;
#[cfg(feature = "hub")]
pub use store::{delete_model, kept_models};

/// The hub, where no other one is named.
#[cfg(feature = "hub")]
const HUB: &str = "https://huggingface.co";
