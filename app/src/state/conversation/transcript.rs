//! A conversation as a file.

use bdlm::text::Message;
use serde_json::json;

use crate::state::conversation::thought::Thought;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatFormat {
    /// Plain text.
    Text,
    /// Markdown, thoughts quoted.
    Markdown,
    /// One line of JSON with all messages, as `bdlm eval chat` reads it.
    Jsonl,
}

impl ChatFormat {
    /// All of them.
    pub const ALL: [ChatFormat; 3] = [ChatFormat::Text, ChatFormat::Markdown, ChatFormat::Jsonl];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            ChatFormat::Text => "Text",
            ChatFormat::Markdown => "Markdown",
            ChatFormat::Jsonl => "JSON lines",
        }
    }

    /// The ending of its files.
    pub fn ending(self) -> &'static str {
        match self {
            ChatFormat::Text => "txt",
            ChatFormat::Markdown => "md",
            ChatFormat::Jsonl => "jsonl",
        }
    }

    /// Messages in this form; `model` is the model's name.
    pub fn write(self, messages: &[Message], model: &str) -> String {
        let content = |message: &Message| message.content.as_str().unwrap_or_default().to_string();
        let name = |message: &Message| match message.role.as_str() {
            "system" => "System".to_string(),
            "user" => "You".to_string(),
            _ => model.to_string(),
        };
        match self {
            ChatFormat::Jsonl => json!({ "messages": messages }).to_string() + "\n",
            ChatFormat::Text => {
                let turn = |message: &Message| format!("{}: {}\n", name(message), content(message));
                messages.iter().map(turn).collect::<Vec<_>>().join("\n")
            }
            ChatFormat::Markdown => {
                let turn = |message: &Message| {
                    format!("**{}**\n\n{}\n", name(message), quoted(&content(message)))
                };
                let turns = messages.iter().map(turn).collect::<Vec<_>>().join("\n");
                format!("# Conversation with {model}\n\n{turns}")
            }
        }
    }
}

/// An answer with its thought as a quotation.
fn quoted(text: &str) -> String {
    let Some(Thought { thought, answer }) = Thought::of(text) else { return text.into() };
    let lines: Vec<String> = text[thought].lines().map(|line| format!("> {line}")).collect();
    let answer = answer.map_or("", |at| &text[at..]);
    match lines.is_empty() {
        true => answer.into(),
        false => format!("{}\n\n{answer}", lines.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_names_who_speaks_and_quotes_thoughts() {
        let messages = [
            Message::new("user", "Why?"),
            Message::new("assistant", "<think>\nHm.\nYes.\n</think>\n\nBecause."),
        ];
        let markdown = ChatFormat::Markdown.write(&messages, "tiny");
        assert!(
            markdown.starts_with("# Conversation with tiny\n\n**You**\n\nWhy?\n"),
            "{markdown}"
        );
        assert!(markdown.ends_with("**tiny**\n\n> Hm.\n> Yes.\n\nBecause.\n"), "{markdown}");
        let text = ChatFormat::Text.write(&messages[..1], "tiny");
        assert_eq!(text, "You: Why?\n");
        let line = ChatFormat::Jsonl.write(&messages, "tiny");
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["messages"][0], json!({ "role": "user", "content": "Why?" }));
        assert_eq!(line.lines().count(), 1);
    }
}
