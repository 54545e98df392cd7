//! Results on their way to a file, and what is said of those that cannot be written.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use bdlm::hub;

use crate::cli::files::shown;

/// A result that is not there yet, see [`hub::Output`].
pub struct Output {
    path: PathBuf,
    file: hub::Output,
}

impl Output {
    /// Fails where nothing can be written.
    pub fn create(path: &Path) -> Result<Output> {
        if path.is_dir() {
            bail!("{} is a folder, expected a file to write", shown(path));
        }
        let file = hub::Output::create(path).map_err(|e| {
            let words = e.to_string();
            // The name of the file beside it says nothing to the user.
            let cause = words.split(" at path").next().unwrap_or_default();
            anyhow!("{} cannot be written: {cause}", shown(path))
        })?;
        Ok(Output { path: path.into(), file })
    }

    /// Names the path in an error of writing piece by piece.
    pub fn named(&self, error: anyhow::Error) -> anyhow::Error {
        match error.is::<io::Error>() && error.chain().len() == 1 {
            true => error.context(format!("{} cannot be written", shown(&self.path))),
            false => error,
        }
    }

    /// Writes all of it.
    pub fn write(mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all(bytes);
        written.with_context(|| format!("{} cannot be written", shown(&self.path)))?;
        self.finish()
    }

    /// Ends what was written piece by piece.
    pub fn finish(self) -> Result<()> {
        let Output { path, file } = self;
        file.finish().with_context(|| format!("{} cannot be written", shown(&path)))
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
