//! Documents, one at a time, and which format a file of them has. Knows no tokens.

use std::path::Path;

use crate::Result;
use crate::eval::data::format::Format;
use crate::eval::data::preset::Preset;

impl Format {
    /// By the file's extension: `.jsonl`, `.ndjson`, `.json`, `.csv`, `.tsv`, `.parquet`, with `.gz`
    /// or `.zst` behind it or not; for any other, as the data set is distributed, or plain text.
    pub fn of(path: &Path, preset: Option<Preset>) -> Format {
        let extension =
            |path: &Path| path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let mut outer = extension(path);
        if matches!(outer.as_str(), "gz" | "zst" | "zstd") {
            outer = extension(&path.with_extension(""));
        }
        match outer.as_str() {
            "jsonl" | "ndjson" | "json" => Format::JsonLines,
            "csv" => Format::Csv,
            "tsv" | "tab" => Format::Tsv,
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

    /// The same, the line ends of other systems (CR LF) made newlines.
    #[must_use]
    pub fn with_newlines(self) -> Documents {
        let with_newlines =
            |text: String| if text.contains('\r') { text.replace("\r\n", "\n") } else { text };
        Documents::new(self.texts.map(move |text| text.map(with_newlines)))
    }
}

impl Iterator for Documents {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        self.texts.next()
    }
}
