//! Documents, one at a time, and which format a file of them has. Knows no tokens.

use std::path::Path;

use crate::Result;
use crate::eval::data::format::Format;
use crate::eval::data::preset::Preset;

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
