//! Text to tokens and back, chats to prompts, and data sets to text as it was written.

mod chat;
mod decode;
mod detokenize;
mod tokenizer;
#[cfg(not(target_arch = "wasm32"))]
mod vocabulary;

pub use chat::{ChatTemplate, Conversation, Message};
pub use decode::{decode, mishap};
pub use detokenize::Detokenizer;
pub use tokenizer::{TextStream, Tokenizer};
#[cfg(not(target_arch = "wasm32"))]
pub use vocabulary::{MIN_VOCABULARY, learn_vocabulary};
