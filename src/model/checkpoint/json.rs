//! The JSON of configs: read as Python writes it, with keys named where a value is of the wrong type.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::text::{decode, mishap};
use crate::{Advice, Error, Fault, Result};

/// The JSON in a file. Python's `NaN` and `Infinity`, which JSON lacks, are read as null.
///
/// # Errors
/// [`Error::Config`].
pub fn parse(bytes: &[u8]) -> Result<Value> {
    if let Some(what) = mishap(bytes) {
        let fault = Fault::from(format!("it is {what}"));
        return Err(Error::Config(fault.advise(Advice::DownloadAgain)));
    }
    let text = decode(bytes).map_err(|e| Error::config(format!("not JSON: {e}")))?;
    serde_json::from_str(&without_constants(&text))
        .map_err(|e| Error::config(format!("not JSON: {e}")))
}

/// The keys of a config that matter.
///
/// # Errors
/// [`Error::Config`] naming the key.
pub fn keys<T: DeserializeOwned>(json: Value, compare_with: &str) -> Result<T> {
    serde_path_to_error::deserialize(json).map_err(|e| {
        let (path, cause) = (e.path().to_string(), e.inner().to_string());
        // What serde calls by the names of Rust.
        let cause = cause.replace("expected usize", "expected a whole number");
        let cause = cause.replace("expected u32", "expected a token's number");
        let cause = if path == "." { cause } else { format!("{path}: {cause}") };
        Error::config(format!("{cause}; compare with {compare_with}"))
    })
}

/// The config with the first number where a token has a list of them, as newer configs write it.
pub fn with_one_token(mut json: Value, key: &str) -> Value {
    if let Some(value) = json.get_mut(key)
        && let Value::Array(ids) = value
    {
        *value = ids.first().cloned().unwrap_or_default();
    }
    json
}

/// The text with `null` for every `NaN` and `Infinity` outside strings.
fn without_constants(text: &str) -> String {
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(['"', 'N', 'I']) {
        let (before, from) = rest.split_at(at);
        let constant = ["NaN", "Infinity"].into_iter().find(|constant| from.starts_with(constant));
        let length = match constant {
            Some(constant) => constant.len(),
            None if from.starts_with('"') => string_length(from),
            None => 1,
        };
        let before =
            if constant.is_some() { before.strip_suffix('-').unwrap_or(before) } else { before };
        plain += before;
        plain += if constant.is_some() { "null" } else { &from[..length] };
        rest = &from[length..];
    }
    plain + rest
}

/// Bytes of the string that a text begins with, quotes included.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.char_indices().skip(1).find(|&(_, c)| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{parse, with_one_token};

    #[test]
    fn of_several_tokens_the_first_counts() {
        let one = |ids| with_one_token(json!({"eos_token_id": ids}), "eos_token_id");
        assert_eq!(one(json!([7, 8])), one(json!(7)));
        assert_eq!(one(json!([])), one(json!(null)));
        assert_eq!(one(json!("x"))["eos_token_id"], "x");
        assert_eq!(with_one_token(json!([1]), "eos_token_id"), json!([1]));
    }

    #[test]
    fn what_python_writes_is_read() {
        let text = r#"{"a": [0.0, Infinity, -Infinity], "b": NaN, "NaN \" Infinity": "-NaN"}"#;
        let wanted = json!({"a": [0.0, null, null], "b": null, "NaN \" Infinity": "-NaN"});
        assert_eq!(parse(text.as_bytes()).unwrap(), wanted);
        assert_eq!(parse("\u{feff}{\"a\": 1}".as_bytes()).unwrap(), json!({"a": 1}));
        for broken in ["{", "\"NaN", "{\"a\": NaNN}", "Infinityx"] {
            assert!(parse(broken.as_bytes()).unwrap_err().to_string().contains("not JSON"));
        }
    }
}
