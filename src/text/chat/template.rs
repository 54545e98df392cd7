//! A model's chat template, rendered as transformers renders it: Jinja with Python's string methods,
//! `trim_blocks`, `lstrip_blocks`, `tojson` as Python writes JSON, `raise_exception`, `strftime_now`.

use std::fmt;
use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, ErrorKind, Value};
use serde_json::Map;

use crate::text::chat::calendar::strftime;
use crate::text::chat::conversation::Conversation;
use crate::text::chat::python_json::dumps;
use crate::text::decode::decode;
use crate::{Error, Result};

/// The name of the template that is rendered.
const NAME: &str = "chat";

/// A chat template.
pub struct ChatTemplate {
    environment: Environment<'static>,
    /// `bos_token` and the like, which templates read.
    special: Map<String, serde_json::Value>,
    source: String,
}

impl fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatTemplate").field("source", &self.source).finish_non_exhaustive()
    }
}

impl ChatTemplate {
    /// A template of this text, in Jinja.
    ///
    /// # Errors
    /// [`Error::Chat`] if it is not one.
    pub fn new(source: &str) -> Result<ChatTemplate> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|e| fault(&e))?);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("tojson", tojson);
        environment.add_function(
            "raise_exception",
            |words: String| -> Result<(), minijinja::Error> {
                Err(minijinja::Error::new(ErrorKind::InvalidOperation, words))
            },
        );
        let written = without_generation_marks(source);
        environment.add_template_owned(NAME, written).map_err(|e| fault(&e))?;
        Ok(ChatTemplate { environment, special: Map::new(), source: source.into() })
    }

    /// The template of a model, if it has one: that of `chat_template.jinja`, or the key
    /// `chat_template` of `tokenizer_config.json`, which also names special tokens. Each comes with
    /// the path that messages name.
    ///
    /// # Errors
    /// [`Error::Chat`] for a file that cannot be read, or a template that is not one.
    pub fn of_model(
        file: Option<(&Path, &[u8])>,
        tokenizer_config: Option<(&Path, &[u8])>,
    ) -> Result<Option<ChatTemplate>> {
        let config = match tokenizer_config {
            Some((path, bytes)) => config_of(path, bytes)?,
            None => Map::new(),
        };
        let source = match file {
            Some((path, bytes)) => Some(text_of(path, bytes)?),
            None => config.get("chat_template").and_then(embedded),
        };
        let Some(source) = source else { return Ok(None) };
        let mut template = ChatTemplate::new(&source)?;
        for (key, value) in config.iter().filter(|(key, _)| key.ends_with("_token")) {
            // A token is a string, or an object that describes it.
            let content = value.get("content").unwrap_or(value);
            if content.is_string() {
                template.special.insert(key.clone(), content.clone());
            }
        }
        Ok(Some(template))
    }

    /// Its text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The prompt of a chat. `now` is what `strftime_now` reads: seconds since 1970, of the clock
    /// that the reader of the prompt lives by.
    ///
    /// # Errors
    /// [`Error::Chat`] if the template refuses the chat.
    pub fn render(&self, chat: &Conversation, now: i64) -> Result<String> {
        let chat = serde_json::to_value(chat)
            .map_err(|e| Error::Chat(format!("the chat cannot be written as JSON: {e}").into()))?;
        let mut context = self.special.clone();
        if let serde_json::Value::Object(chat) = chat {
            context.extend(chat);
        }
        let mut environment = self.environment.clone();
        let strftime_now = move |format: String| {
            strftime(now, &format).map_err(|code| {
                let words = format!("strftime_now does not know %{code}");
                minijinja::Error::new(ErrorKind::InvalidOperation, words)
            })
        };
        environment.add_function("strftime_now", strftime_now);
        let template = environment.get_template(NAME).map_err(|e| fault(&e))?;
        template.render(Value::from(Serde(&context))).map_err(|e| fault(&e))
    }
}

/// `tojson(indent=None, ensure_ascii=False, ..)` as transformers defines it.
fn tojson(value: Serde<serde_json::Value>, options: Kwargs) -> Result<Value, minijinja::Error> {
    let indent: Option<usize> = options.get("indent")?;
    let sort_keys: Option<bool> = options.get("sort_keys")?;
    let mut value = value.0;
    if sort_keys == Some(true) {
        value.sort_all_objects();
    }
    let failed =
        |e: serde_json::Error| minijinja::Error::new(ErrorKind::BadSerialization, e.to_string());
    Ok(Value::from_safe_string(dumps(&value, indent).map_err(failed)?))
}

/// The text without `{% generation %}` and `{% endgeneration %}`, which mark the assistant's turns
/// for training and print nothing.
fn without_generation_marks(source: &str) -> String {
    let mut written = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, from_tag)) = rest.split_once("{%") {
        let Some((tag, after)) = from_tag.split_once("%}") else { break };
        let word = tag.trim_start_matches(['-', '+']).trim_end_matches(['-', '+']).trim();
        let replaced = match word {
            "generation" => Some("if true"),
            "endgeneration" => Some("endif"),
            _ => None,
        };
        written += before;
        written += "{%";
        match replaced {
            Some(words) => written += &tag.replace(word, words),
            None => written += tag,
        }
        written += "%}";
        rest = after;
    }
    written + rest
}

/// The template inside a config: a string, or a list of named ones, of which `default` counts.
fn embedded(value: &serde_json::Value) -> Option<String> {
    let named = |wanted: &str| {
        let list = value.as_array()?;
        let found = list.iter().find(|entry| entry["name"] == wanted)?;
        found["template"].as_str().map(str::to_string)
    };
    value.as_str().map(str::to_string).or_else(|| named("default"))
}

fn config_of(path: &Path, bytes: &[u8]) -> Result<Map<String, serde_json::Value>> {
    let damaged = |e| Error::Chat(format!("{} is not whole JSON: {e}", path.display()).into());
    serde_json::from_str(&text_of(path, bytes)?).map_err(damaged)
}

fn text_of(path: &Path, bytes: &[u8]) -> Result<String> {
    let wrong = |e| Error::Chat(format!("{} is {e}", path.display()).into());
    Ok(decode(bytes).map_err(wrong)?.into_owned())
}

/// One line of what a template says.
fn fault(error: &minijinja::Error) -> Error {
    let words = error.detail().map_or_else(|| error.kind().to_string(), str::to_string);
    let at = error.line().map(|line| format!(" (line {line} of the template)"));
    Error::Chat(format!("{words}{}", at.unwrap_or_default()).into())
}
