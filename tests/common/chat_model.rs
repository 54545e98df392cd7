//! A tiny model that chats: a fixture with a tokenizer of single characters and a template.

use std::path::Path;

use serde_json::{Value, json};

/// The template of Qwen 2.
pub const QWEN2: &str = include_str!("../fixtures/chat/qwen2.jinja");

/// A folder with the model in a fixture's folder and this template.
pub fn chat_model(fixture: &Path, template: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["model.safetensors", "config.json", "generation_config.json"] {
        std::fs::copy(fixture.join(file), folder.path().join(file)).unwrap();
    }
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer().to_string()).unwrap();
    std::fs::write(folder.path().join("chat_template.jinja"), template).unwrap();
    folder
}

fn tokenizer() -> Value {
    let mut vocab = serde_json::Map::new();
    let special = [(121, "<|im_start|>"), (123, "<|end|>"), (124, "<|im_end|>"), (125, "<|MASK|>")];
    for id in 0..131u32 {
        let known = special.iter().find(|(special, _)| *special == id).map(|(_, token)| *token);
        let token = match (known, id) {
            (Some(token), _) => token.to_string(),
            (None, 0..=94) => char::from(32 + id as u8).to_string(),
            (None, 95) => "\n".to_string(),
            (None, _) => format!("<{id}>"),
        };
        vocab.insert(token, id.into());
    }
    let added = special.map(|(id, content)| {
        json!({ "id": id, "content": content, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true })
    });
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": { "type": "Split", "pattern": { "Regex": "[\\s\\S]" },
                           "behavior": "Isolated", "invert": false },
        "post_processor": null, "decoder": { "type": "Fuse" },
        "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "?" }
    })
}
