//! AG News as it is distributed: CSV records of class, title and description.

use std::path::Path;

use crate::Result;
use crate::eval::data::files::lines::Lines;

/// The documents of a file: title and description, a space between them.
pub fn documents(path: &Path) -> Result<impl Iterator<Item = Result<String>> + use<>> {
    let mut lines = Lines::open(path)?;
    Ok(std::iter::from_fn(move || {
        let fields = match record(&mut lines)? {
            Ok(fields) => fields,
            Err(e) => return Some(Err(e)),
        };
        Some(match fields.as_slice() {
            [_class, title, description] => Ok(format!("{title} {description}")),
            fields => Err(lines.error(&format!(
                "has {} fields, expected 3: class, title, description",
                fields.len()
            ))),
        })
    }))
}

/// One record; a quoted field may hold commas, newlines and doubled quotes. Blank lines are passed
/// over.
fn record(lines: &mut Lines) -> Option<Result<Vec<String>>> {
    let mut fields = vec![String::new()];
    let mut place = Place::Start;
    loop {
        let line = match lines.next() {
            Some(Ok(line)) => line,
            Some(Err(e)) => return Some(Err(e)),
            None if place == Place::Start => return None,
            None => return Some(Err(lines.error("ends inside a quoted field: a `\"` is missing"))),
        };
        let blank = place == Place::Start && line.trim().is_empty();
        let text = if blank { "" } else { line.as_str() };
        for c in text.chars() {
            place = place.after(c, &mut fields);
        }
        if !blank && place != Place::Quoted {
            return Some(Ok(fields));
        }
    }
}

/// Where in a record a character is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the start of a field, where spaces do not count.
    Start,
    Plain,
    Quoted,
    /// After a quote in a quoted field: its end, or the first of two.
    Quote,
}

impl Place {
    /// Takes a character into the last field.
    fn after(self, c: char, fields: &mut Vec<String>) -> Place {
        let mut push = |c: char| {
            if let Some(field) = fields.last_mut() {
                field.push(c);
            }
        };
        match (self, c) {
            (Place::Start, ' ') => Place::Start,
            (Place::Start, '"') => Place::Quoted,
            (Place::Quoted, '"') => Place::Quote,
            (Place::Quoted, _) => {
                push(c);
                Place::Quoted
            }
            (Place::Quote, '"') => {
                push(c);
                Place::Quoted
            }
            (_, ',') => {
                fields.push(String::new());
                Place::Start
            }
            (_, '\r' | '\n') => Place::Plain,
            _ => {
                push(c);
                Place::Plain
            }
        }
    }
}
