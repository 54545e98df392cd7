//! Backbones: each file is one network as a list of kernels, with the state that they read.

mod dit;
mod gpt2;
mod llama;

pub use dit::Dit;
pub use gpt2::Gpt2;
pub use llama::Llama;
