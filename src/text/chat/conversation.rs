//! What a chat template reads: messages and options. Knows no template.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A turn of a chat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks: `system`, `user`, `assistant`, `tool`.
    pub role: String,
    /// What is said.
    pub content: Value,
    /// Whatever else a template may read, such as `tool_calls`.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// A chat, with what a template is asked to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// The turns so far.
    pub messages: Vec<Message>,
    /// Whether the prompt ends with the beginning of the assistant's turn.
    #[serde(default)]
    pub add_generation_prompt: bool,
    /// Functions that the assistant may call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Value>,
    /// Whatever else the template may read, such as `enable_thinking`.
    #[serde(flatten)]
    pub options: Map<String, Value>,
}

impl Message {
    /// A turn of text.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Message {
        let content = Value::String(content.into());
        Message { role: role.into(), content, others: Map::new() }
    }
}
