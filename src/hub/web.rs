//! What a browser has in place of `native`. A page keeps no files from one visit to the next.

pub(crate) mod kept {
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
}
