//! Backbones: each file is one network as a list of kernels, with the state that they read.

mod biased;
mod dit;
mod gpt2;
mod llama;
mod roberta;

pub use dit::Dit;
pub use gpt2::Gpt2;
pub use llama::Llama;
pub use roberta::Roberta;
