//! The documents of a file, one at a time: plain text, JSON lines, CSV or parquet. Knows no
//! tokens.

use std::io::Read;
use std::path::Path;

use crate::eval::data::format::Format;
use crate::eval::data::lines::{self, Lines};
use crate::eval::data::preset::Preset;
use crate::eval::data::{csv, json_lines};
use crate::{Error, Result};

impl Format {
    /// By the file's extension: `.jsonl`, `.ndjson`, `.json`, `.csv`, `.parquet`; for any other,
    /// as the data set is distributed, or plain text.
    pub fn of(path: &Path, preset: Option<Preset>) -> Format {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match extension.as_str() {
            "jsonl" | "ndjson" | "json" => Format::JsonLines,
            "csv" => Format::Csv,
            "parquet" => Format::Parquet,
            _ => preset.map_or(Format::Text, Preset::format),
        }
    }
}

/// Documents, read while one asks for them.
pub struct Documents {
    texts: Box<dyn Iterator<Item = Result<String>> + Send>,
}

impl std::fmt::Debug for Documents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Documents").finish_non_exhaustive()
    }
}

impl Documents {
    /// Opens a file of a data set, or any other. What its format is, [`Format::of`] says; the text
    /// of an object or row is under the set's own key or column, else under `text`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Data`]; the documents give the same for what is found later.
    pub fn open(path: &Path, preset: Option<Preset>) -> Result<Documents> {
        let keys = preset.map_or(&["text"][..], Preset::keys);
        Ok(match Format::of(path, preset) {
            Format::Text => {
                let (mut file, path) = (lines::open(path)?, path.to_path_buf());
                Documents::new(std::iter::once_with(move || {
                    let mut bytes = Vec::new();
                    file.read_to_end(&mut bytes).map_err(Error::io(&path))?;
                    lines::utf8(bytes, &path, 0)
                }))
            }
            Format::Lines => Documents::new(Lines::open(path)?.map(|line| {
                let line = line?.replace("\r\n", "\n");
                Ok(if line.trim().is_empty() { String::new() } else { line })
            })),
            Format::TrimmedLines => {
                Documents::new(Lines::open(path)?.map(|line| Ok(line?.trim().to_string())))
            }
            Format::JsonLines => Documents::new(json_lines::documents(path, keys)?),
            Format::Csv => Documents::new(csv::documents(path)?),
            Format::Parquet => parquet(path, keys)?,
        })
    }

    /// Documents from anywhere.
    pub fn new(texts: impl Iterator<Item = Result<String>> + Send + 'static) -> Documents {
        Documents { texts: Box::new(texts) }
    }
}

impl Iterator for Documents {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        self.texts.next()
    }
}

#[cfg(feature = "parquet")]
fn parquet(path: &Path, names: &[&str]) -> Result<Documents> {
    Ok(Documents::new(crate::eval::data::parquet::Column::open(path, names)?))
}

#[cfg(not(feature = "parquet"))]
fn parquet(path: &Path, _: &[&str]) -> Result<Documents> {
    Err(Error::data(path, "this build does not read parquet (feature `parquet`)"))
}
