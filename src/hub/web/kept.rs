//! What a computer keeps in its cache folder: a page has none.

use std::io;
use std::path::Path;

/// There is no such file.
pub(crate) fn read(_path: &Path) -> io::Result<Option<Vec<u8>>> {
    Ok(None)
}

/// Fails.
pub(crate) fn replace(_path: &Path, _bytes: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
