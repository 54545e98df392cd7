//! Documents of plain text that lines of `<|endoftext|>` separate, and the files of a folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::eval::data::documents::Documents;
use crate::eval::data::files::file::DataFile;
use crate::eval::data::files::lines::Lines;
use crate::eval::data::files::open::ReadOptions;
use crate::eval::data::format::Format;
use crate::{Error, Result};

/// The line between two documents.
const SEPARATOR: &str = "<|endoftext|>";

impl Documents {
    /// Opens files to learn from: in plain text a line `<|endoftext|>` separates documents, other
    /// formats are read as by [`Documents::open`]. Documents without text are left out, and the empty
    /// lines around the others.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Data`]; the documents give the same for what is found later.
    pub fn open_parts(paths: &[PathBuf]) -> Result<Documents> {
        let open = |path: &PathBuf| {
            let options = ReadOptions::default();
            match Format::of(path, None) {
                Format::Text => Ok(Documents::new(separated(DataFile::open(path)?.lines()?))),
                _ => DataFile::open(path)?.documents(&options),
            }
        };
        let files: Vec<Documents> = paths.iter().map(open).collect::<Result<_>>()?;
        let texts = Documents::new(files.into_iter().flatten()).with_newlines();
        let texts = texts.map(|text| text.map(|text| text.trim_matches('\n').to_string()));
        Ok(Documents::new(
            texts.filter(|text| text.as_ref().map_or(true, |t| !t.trim().is_empty())),
        ))
    }

    /// The files of data: those named, and those of the folders named that hold texts by their names,
    /// sorted.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Data`] for a folder without files.
    pub fn files(names: &[PathBuf]) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for name in names {
            if !name.is_dir() {
                files.push(name.clone());
                continue;
            }
            let before = files.len();
            for entry in fs::read_dir(name).map_err(Error::io(name))? {
                let path = entry.map_err(Error::io(name))?.path();
                if path.is_file() && is_text(&path) {
                    files.push(path);
                }
            }
            files[before..].sort();
            if files.len() == before {
                return Err(Error::data(
                    name,
                    "is a folder without texts, expected files such as .txt or .jsonl",
                ));
            }
        }
        Ok(files)
    }
}

/// Whether a file of a folder holds texts, by its name.
fn is_text(path: &Path) -> bool {
    const EXTENSIONS: [&str; 6] = ["txt", "md", "jsonl", "ndjson", "json", "parquet"];
    let is_hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    !is_hidden && EXTENSIONS.contains(&extension.as_str())
}

fn separated(mut lines: Lines) -> impl Iterator<Item = Result<String>> {
    let mut is_ended = false;
    std::iter::from_fn(move || {
        let mut text = String::new();
        while !is_ended {
            match lines.next() {
                None => is_ended = true,
                Some(Err(e)) => {
                    is_ended = true;
                    return Some(Err(e));
                }
                Some(Ok(line)) if line.trim() == SEPARATOR => return Some(Ok(text)),
                Some(Ok(line)) => text += &line,
            }
        }
        (!text.is_empty()).then_some(Ok(text))
    })
}
