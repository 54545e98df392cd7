//! JSON lines: one object a line, one document an object.

use std::path::Path;

use serde_json::{Map, Value};

use crate::Result;
use crate::eval::data::files::lines::{Lines, listed};

/// The documents of a file: the value of the first of `keys` that an object has, a text or a list
/// of paragraphs. Blank lines are passed over.
pub fn documents(
    path: &Path,
    keys: &'static [&'static str],
) -> Result<impl Iterator<Item = Result<String>> + use<>> {
    let mut lines = Lines::open(path)?;
    Ok(std::iter::from_fn(move || {
        loop {
            match lines.next()? {
                Ok(line) if line.trim().is_empty() => {}
                Ok(line) => return Some(text(&line, keys).map_err(|e| lines.error(&e))),
                Err(e) => return Some(Err(e)),
            }
        }
    }))
}

fn text(line: &str, keys: &[&str]) -> Result<String, String> {
    let object: Map<String, Value> = serde_json::from_str(line).map_err(|e| {
        let words = e.to_string();
        // The position is that in the line, which is line 1 to the parser.
        let cause = words.rsplit_once(" at line ").map_or(words.as_str(), |(cause, _)| cause);
        format!("is not a JSON object: {cause}, at column {}", e.column())
    })?;
    let Some((key, value)) = keys.iter().find_map(|key| object.get_key_value(*key)) else {
        let found: Vec<&str> = object.keys().map(String::as_str).collect();
        return Err(format!("has the keys {}, expected {}", listed(&found), listed(keys)));
    };
    let paragraphs = match value {
        Value::String(text) => return Ok(text.clone()),
        Value::Array(paragraphs) => paragraphs.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let paragraphs: Option<Vec<&str>> = paragraphs;
    let paragraphs = paragraphs.ok_or_else(|| {
        format!("has no text under `{key}`, expected a string or a list of strings")
    })?;
    Ok(paragraphs.join("\n"))
}
