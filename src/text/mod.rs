//! Text to tokens and back.

mod tokenizer;

pub use tokenizer::{TextStream, Tokenizer};
