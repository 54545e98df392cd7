//! Checkpoints: from a model's files to a [`crate::model::Spec`] and checked tensors. A family of
//! checkpoints is a reader: its keys, its names, its table. Knows no device.

mod bd3lm;
mod checks;
mod config;
mod gpt2;
mod habits;
mod json;
mod llama;
mod lora;
mod pickle;
mod random;
mod read;
mod roberta;
mod rope;
mod view;
mod write;
mod zip;

pub use bd3lm::TIMESTEP_WIDTH;
pub use checks::NO_BIAS;
pub use habits::Habits;
pub use lora::Lora;
pub use read::Checkpoint;
