//! Tables as text: a column of CSV or TSV with a header, or AG News as it is distributed, without
//! one.

use crate::eval::data::files::keys::Keys;
use crate::eval::data::files::lines::Lines;
use crate::eval::data::format::Format;
use crate::{Advice, Fault, Result};

/// The column whose name in the first record is one of the keys.
pub fn column(
    lines: Lines,
    keys: &Keys,
    format: Format,
) -> Result<impl Iterator<Item = Result<String>> + use<>> {
    let separator = if format == Format::Tsv { Some('\t') } else { None };
    let mut records = Records { lines, separator };
    let header = records.next().transpose()?.unwrap_or_default();
    let place = |key: &str| header.iter().position(|name| name.trim() == key);
    let Some(column_idx) = keys.names().find_map(place) else {
        let found: Vec<&str> = header.iter().map(|name| name.trim()).collect();
        return Err(records.lines.error(keys.missing("columns", &found)));
    };
    let n = header.len();
    Ok(std::iter::from_fn(move || {
        let fields = records.next()?;
        Some(fields.and_then(|mut fields| match fields.len() {
            got if got == n => Ok(fields.swap_remove(column_idx)),
            got => Err(records.lines.error(format!("has {got} fields, the header has {n}"))),
        }))
    }))
}

/// AG News: records of class, title and description; a header of these names is passed over. A
/// document is title and description, a space between them.
pub fn news(lines: Lines) -> impl Iterator<Item = Result<String>> {
    let mut records = Records { lines, separator: Some(',') };
    let mut is_first = true;
    std::iter::from_fn(move || {
        let is_header = |fields: &[String]| fields[0].trim().parse::<u32>().is_err();
        let mut next = records.next()?;
        if std::mem::take(&mut is_first) && matches!(&next, Ok(fields) if is_header(fields)) {
            next = records.next()?;
        }
        Some(next.and_then(|fields| match fields.as_slice() {
            [_, title, description] => {
                Ok(format!("{} {}", title.trim_start(), description.trim_start()))
            }
            fields => {
                let n = fields.len();
                let cause = format!("has {n} fields, expected 3: class, title, description");
                Err(records.lines.error(Fault::from(cause).advise(Advice::NameTextKey)))
            }
        }))
    })
}

/// Records of at least one field. A quoted field may hold separators, newlines and doubled quotes;
/// blank lines are passed over.
struct Records {
    lines: Lines,
    /// What is between fields; the first line decides if none.
    separator: Option<char>,
}

impl Iterator for Records {
    type Item = Result<Vec<String>>;

    fn next(&mut self) -> Option<Result<Vec<String>>> {
        let mut fields = vec![String::new()];
        let mut place = Place::Start;
        let mut start = None;
        loop {
            let line = match self.lines.next() {
                Some(Ok(line)) => line,
                Some(Err(e)) => return Some(Err(e)),
                None => {
                    let fault = "begins a quoted field that does not end: a `\"` is missing";
                    return Some(Err(self.lines.error_at(start?, fault)));
                }
            };
            if place == Place::Start && (line.trim().is_empty() || self.is_told(&line)) {
                continue;
            }
            start = start.or(Some(self.lines.number()));
            let separator = *self.separator.get_or_insert_with(|| separator(&line));
            for c in line.chars() {
                place = place.after(c, separator, &mut fields);
            }
            if place != Place::Quoted {
                return Some(Ok(fields));
            }
        }
    }
}

impl Records {
    /// True for a first line that says what the separator is, as spreadsheets write: `sep=;`.
    fn is_told(&mut self, line: &str) -> bool {
        let told = line.trim_end_matches(['\r', '\n']).strip_prefix("sep=");
        match (told.map(|told| told.chars().collect::<Vec<_>>()), self.separator) {
            (Some(told), None) if told.len() == 1 => {
                self.separator = told.first().copied();
                true
            }
            _ => false,
        }
    }
}

/// What separates the fields of a header: where a comma is a decimal point, programs write
/// semicolons.
fn separator(header: &str) -> char {
    let outside_quotes: String = header.split('"').step_by(2).collect();
    [',', ';', '\t'].into_iter().find(|c| outside_quotes.contains(*c)).unwrap_or(',')
}

/// Where in a record a character is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the start of a field, where spaces do not count before a quote.
    Start,
    Plain,
    Quoted,
    /// After a quote in a quoted field: its end, or the first of two.
    Quote,
}

impl Place {
    /// Takes a character into the last field.
    fn after(self, c: char, separator: char, fields: &mut Vec<String>) -> Place {
        let Some(field) = fields.last_mut() else { return self };
        match (self, c) {
            (Place::Start, ' ') => {
                field.push(c);
                Place::Start
            }
            (Place::Start, '"') => {
                field.clear();
                Place::Quoted
            }
            (Place::Quoted, '"') => Place::Quote,
            (Place::Quoted, _) | (Place::Quote, '"') => {
                field.push(c);
                Place::Quoted
            }
            (_, c) if c == separator => {
                fields.push(String::new());
                Place::Start
            }
            (_, '\r' | '\n') => Place::Plain,
            _ => {
                field.push(c);
                Place::Plain
            }
        }
    }
}
