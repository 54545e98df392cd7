//! The lines of a text, one at a time, with what a message needs to say where it was.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use crate::eval::data::files::reader::{TextReader, failed, utf8};
use crate::{Error, Fault, Result};

/// Lines as they are, each with the newline that ends it.
pub struct Lines {
    path: PathBuf,
    input: TextReader,
    /// Bytes before the next line.
    offset: usize,
    /// Number of the last line, from 1.
    number: usize,
}

impl Lines {
    /// The lines of a text; the path is for messages.
    pub fn new(path: &Path, input: TextReader) -> Lines {
        Lines { path: path.into(), input, offset: 0, number: 0 }
    }

    /// Number of the last line, from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// An error about the last line.
    pub fn error(&self, fault: impl Into<Fault>) -> Error {
        self.error_at(self.number, fault)
    }

    /// An error about a line.
    pub fn error_at(&self, number: usize, fault: impl Into<Fault>) -> Error {
        let Fault { cause, advice } = fault.into();
        Error::data(&self.path, Fault { cause: format!("line {number} {cause}"), advice })
    }

    /// All text from the next line on.
    pub fn rest(&mut self) -> Result<String> {
        let mut bytes = Vec::new();
        self.input.read_to_end(&mut bytes).map_err(failed(&self.path))?;
        utf8(bytes, &self.path, self.offset)
    }
}

impl Iterator for Lines {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        let mut line = Vec::new();
        match self.input.read_until(b'\n', &mut line) {
            Err(e) => return Some(Err(failed(&self.path)(e))),
            Ok(0) => return None,
            Ok(_) => {}
        }
        let start = self.offset;
        self.offset += line.len();
        self.number += 1;
        Some(utf8(line, &self.path, start))
    }
}
