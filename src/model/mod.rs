//! The network: configuration, weights, cache and passes. Knows nothing of sampling.

mod cache;
mod conditioning;
mod config;
mod dit;
mod forward;
mod gpt2;
mod load;
mod pass;
mod weights;

pub use cache::{KvCache, Ring};
pub use config::{Architecture, Family, Spec};
pub use dit::Network;
pub use forward::{Batch, logits_rows};
pub use pass::{Conditioning, Pass, Row, Workspace, check_ids};
pub use weights::Checkpoint;
