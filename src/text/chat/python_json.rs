//! JSON as Python's `json.dumps(value, ensure_ascii=False)` writes it.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

/// The text of a value: on one line with spaces behind separators, or with `indent` spaces a level.
pub(super) fn dumps(value: &Value, indent: Option<usize>) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    match indent {
        Some(width) => {
            let spaces = vec![b' '; width];
            let formatter = PrettyFormatter::with_indent(&spaces);
            value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))?;
        }
        None => value.serialize(&mut Serializer::with_formatter(&mut bytes, Spaced))?,
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// `{"a": 1, "b": [2, 3]}`.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    // Python has a point or an exponent in every float, as this has.
    fn write_f64<W: ?Sized + Write>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        CompactFormatter.write_f64(out, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_pythons_and_nothing_is_escaped_for_html() {
        let value = serde_json::json!({"b": [1, 2.5, null], "a": "<é>\n\"", "e": {}, "l": []});
        let wanted = r#"{"b": [1, 2.5, null], "a": "<é>\n\"", "e": {}, "l": []}"#;
        assert_eq!(dumps(&value, None).unwrap(), wanted);
        let indented = dumps(&serde_json::json!({"a": [1]}), Some(2)).unwrap();
        assert_eq!(indented, "{\n  \"a\": [\n    1\n  ]\n}");
    }
}
