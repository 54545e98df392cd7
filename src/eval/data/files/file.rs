//! A file of texts as it lies on the disk. What comes through a pipe is copied to the disk first, so
//! that it can be looked at twice.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use crate::hub::{Sha256, open_file, unnamed_file};
use crate::{Error, Result};

/// A file of texts that was opened and holds something.
pub struct DataFile {
    /// Where it was found, for messages.
    pub(super) path: PathBuf,
    /// A file of the disk, at any place.
    pub(super) file: File,
}

impl std::fmt::Debug for DataFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl DataFile {
    /// Opens a file; a pipe or device is read to its end.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Data`] for folders and for files without a byte.
    pub fn open(path: &Path) -> Result<DataFile> {
        let (mut file, n_bytes) = open_file(path)?
            .ok_or_else(|| Error::data(path, "is a folder, expected a file of texts"))?;
        // The size of what is no file of a disk means nothing.
        if n_bytes == 0 || !file.metadata().map_err(Error::io(path))?.is_file() {
            return DataFile::copied(path, &mut file);
        }
        Ok(DataFile { path: path.into(), file })
    }

    /// What a reader gives up to its end, such as stdin; the path is for messages, and its extension
    /// says what the format is.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Data`] if that is not a byte.
    pub fn copied(path: &Path, reader: &mut impl Read) -> Result<DataFile> {
        let mut file = unnamed_file().map_err(Error::io(path))?;
        let n_bytes = io::copy(reader, &mut file).map_err(Error::io(path))?;
        if n_bytes == 0 {
            return Err(Error::data(path, "is empty, expected texts"));
        }
        Ok(DataFile { path: path.into(), file })
    }

    /// The same file once more, to be read after this one.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn again(&self) -> Result<DataFile> {
        let file = self.file.try_clone().map_err(Error::io(&self.path))?;
        Ok(DataFile { path: self.path.clone(), file })
    }

    /// The digest of its bytes, in hexadecimal.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sha256(&mut self) -> Result<String> {
        let mut digest = Sha256::new();
        self.file
            .rewind()
            .and_then(|()| digest.read(&mut self.file))
            .map_err(Error::io(&self.path))?;
        Ok(digest.hex())
    }
}
