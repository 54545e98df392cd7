//! Documents in JSON: one object a line, objects over several lines, or arrays of objects or texts.

use serde_json::{Deserializer, Map, Value};

use crate::eval::data::files::keys::Keys;
use crate::eval::data::files::lines::Lines;
use crate::{Error, Fault, Result};

/// The documents of a file: the value of the first of `keys` that an object has, a text or a list
/// of paragraphs. If the first line is an object, each line is one, and blank lines are passed over;
/// other files are read as a whole.
pub fn documents(
    mut lines: Lines,
    keys: Keys,
) -> Result<Box<dyn Iterator<Item = Result<String>> + Send>> {
    let mut before = String::new();
    let first = loop {
        match lines.next().transpose()? {
            Some(line) if line.trim().is_empty() => before += &line,
            Some(line) => break line,
            None => return Ok(Box::new(std::iter::empty())),
        }
    };
    if object(&first).is_ok() {
        let first = of_line(&first, &keys).map_err(|e| lines.error(e));
        return Ok(Box::new(std::iter::once(first).chain(OnePerLine { lines, keys })));
    }
    let text = before + &first + &lines.rest()?;
    Ok(Box::new(Values { text, at: 0, is_in_array: false, index: 0, lines, keys }))
}

/// One object a line.
struct OnePerLine {
    lines: Lines,
    keys: Keys,
}

impl Iterator for OnePerLine {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        loop {
            match self.lines.next()? {
                Ok(line) if line.trim().is_empty() => {}
                Ok(line) => {
                    return Some(of_line(&line, &self.keys).map_err(|e| self.lines.error(e)));
                }
                Err(e) => return Some(Err(e)),
            }
        }
    }
}

fn object(line: &str) -> serde_json::Result<Map<String, Value>> {
    serde_json::from_str(line)
}

fn of_line(line: &str, keys: &Keys) -> Result<String, Fault> {
    let object = object(line).map_err(|e| {
        format!("is not a JSON object: {}, at column {}", without_place(&e), e.column())
    })?;
    of_object(&object, keys)
}

/// Objects and arrays of them, one after the other.
struct Values {
    text: String,
    /// Bytes that were read.
    at: usize,
    is_in_array: bool,
    /// Of the next element of the array.
    index: usize,
    lines: Lines,
    keys: Keys,
}

impl Values {
    /// The next document, none at the end.
    fn document(&mut self) -> Result<Option<String>> {
        loop {
            let rest = &self.text[self.at..];
            self.at += rest.len() - rest.trim_start().len();
            match (self.text.as_bytes().get(self.at), self.is_in_array) {
                (None, false) => return Ok(None),
                (None, true) => return Err(self.error("ends inside an array: a `]` is missing")),
                (Some(b'['), false) => (self.is_in_array, self.index) = (true, 0),
                (Some(b']'), true) => self.is_in_array = false,
                (Some(b','), true) if self.index > 0 => {}
                (Some(b'{'), false) | (Some(_), true) => return self.value().map(Some),
                (Some(_), false) => return Err(self.error("is not a JSON object or array")),
            }
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<String> {
        let mut values = Deserializer::from_str(&self.text[self.at..]).into_iter::<Value>();
        let value = match values.next() {
            Some(Ok(value)) => value,
            Some(Err(e)) => {
                let fault = format!("is not JSON: {}, at column {}", without_place(&e), e.column());
                return Err(self.lines.error_at(self.line() + e.line().saturating_sub(1), fault));
            }
            None => return Err(self.error("is not JSON")),
        };
        let text = match &value {
            Value::Object(object) => of_object(object, &self.keys),
            Value::String(text) if self.is_in_array => Ok(text.clone()),
            other => Err(Fault::from(format!("has {other}, expected an object with a text"))),
        };
        let text = text.map_err(|e| self.error(e))?;
        self.at += values.byte_offset();
        self.index += 1;
        Ok(text)
    }

    /// Number of the line, from 1.
    fn line(&self) -> usize {
        1 + self.text.as_bytes()[..self.at].iter().filter(|byte| **byte == b'\n').count()
    }

    fn error(&self, fault: impl Into<Fault>) -> Error {
        self.lines.error_at(self.line(), fault)
    }
}

impl Iterator for Values {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        self.document().transpose()
    }
}

/// An error's words without the place, which counts from the beginning of what was parsed.
fn without_place(error: &serde_json::Error) -> String {
    let words = error.to_string();
    words.rsplit_once(" at line ").map_or(words.clone(), |(cause, _)| cause.to_string())
}

fn of_object(object: &Map<String, Value>, keys: &Keys) -> Result<String, Fault> {
    let found = keys.names().find_map(|key| Some((key, at_path(object, key)?)));
    let Some((key, value)) = found else {
        let there: Vec<&str> = object.keys().map(String::as_str).collect();
        return Err(keys.missing("keys", &there));
    };
    let paragraphs: Option<Vec<&str>> = match value {
        Value::String(text) => return Ok(text.clone()),
        Value::Null => return Ok(String::new()),
        Value::Array(paragraphs) => paragraphs.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let paragraphs = paragraphs.ok_or_else(|| {
        format!("has no text under `{key}`, expected a string or a list of strings")
    })?;
    Ok(paragraphs.join("\n"))
}

/// The value under a key, or under a path of keys such as `page.text`.
fn at_path<'v>(object: &'v Map<String, Value>, key: &str) -> Option<&'v Value> {
    object.get(key).or_else(|| {
        let (outer, inner) = key.split_once('.')?;
        at_path(object.get(outer)?.as_object()?, inner)
    })
}
