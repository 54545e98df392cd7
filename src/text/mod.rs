//! Text to tokens and back, and data sets to text as it was written.

mod decode;
mod detokenize;
mod tokenizer;

pub use decode::{decode, mishap};
pub use detokenize::Detokenizer;
pub use tokenizer::{TextStream, Tokenizer};
