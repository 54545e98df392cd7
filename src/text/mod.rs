//! Text to tokens and back, chats to prompts, and data sets to text as it was written.

mod chat;
mod decode;
mod detokenize;
mod tokenizer;

pub use chat::{ChatTemplate, Conversation, Message};
pub use decode::{decode, mishap};
pub use detokenize::Detokenizer;
pub use tokenizer::{TextStream, Tokenizer};
