//! The lines of a text file, one at a time, with what a message needs to say where it was.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::hub::open_file;
use crate::{Error, Result};

/// Lines as they are, each with the newline that ends it.
pub struct Lines {
    path: PathBuf,
    input: BufReader<File>,
    /// Bytes before the next line.
    offset: usize,
    /// Number of the last line, from 1.
    number: usize,
}

impl Lines {
    /// Opens a file.
    pub fn open(path: &Path) -> Result<Lines> {
        Ok(Lines { path: path.into(), input: BufReader::new(open(path)?), offset: 0, number: 0 })
    }

    /// An error about the last line.
    pub fn error(&self, cause: &str) -> Error {
        Error::data(&self.path, format!("line {} {cause}", self.number))
    }
}

impl Iterator for Lines {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        let mut line = Vec::new();
        match self.input.read_until(b'\n', &mut line) {
            Err(e) => return Some(Err(Error::io(&self.path)(e))),
            Ok(0) => return None,
            Ok(_) => {}
        }
        let start = self.offset;
        self.offset += line.len();
        self.number += 1;
        Some(utf8(line, &self.path, start))
    }
}

/// A file of texts, if it is one and holds anything.
pub fn open(path: &Path) -> Result<File> {
    let (file, n_bytes) = open_file(path)?
        .ok_or_else(|| Error::data(path, "is a folder, expected a file of texts"))?;
    if n_bytes == 0 {
        return Err(Error::data(path, "is empty, expected texts"));
    }
    Ok(file)
}

/// Bytes that should be text; `start` is their place in the file.
pub fn utf8(bytes: Vec<u8>, path: &Path, start: usize) -> Result<String> {
    String::from_utf8(bytes).map_err(|e| {
        let at = start + e.utf8_error().valid_up_to();
        Error::data(path, format!("byte {at} is not UTF-8: convert the file first"))
    })
}

/// Names for a message: `a`, `b`.
pub fn listed(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
