//! Chats: messages, and the templates that make a prompt of them.

mod calendar;
mod conversation;
mod python_json;
mod template;

pub use conversation::{Conversation, Message};
pub use template::ChatTemplate;
