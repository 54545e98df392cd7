//! The bytes of a file, with the path that messages name. Knows not where they come from.

use std::ops::Deref;
use std::path::{Path, PathBuf};

/// The bytes of a file: mapped from the disk, embedded in the program, or read by a host program.
pub struct FileBytes {
    path: PathBuf,
    bytes: Box<dyn AsRef<[u8]> + Send + Sync>,
}

impl FileBytes {
    /// Bytes that are here already; `path` is for messages.
    pub fn new(
        path: impl Into<PathBuf>,
        bytes: impl AsRef<[u8]> + Send + Sync + 'static,
    ) -> FileBytes {
        FileBytes { path: path.into(), bytes: Box::new(bytes) }
    }

    /// The path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }
}

impl std::fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileBytes").field("path", &self.path).field("len", &self.len()).finish()
    }
}
