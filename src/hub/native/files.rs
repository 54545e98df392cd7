//! Files of the disk. Those of models are mapped instead of copied.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use memmap2::Mmap;

use crate::hub::FileBytes;
use crate::{Error, Result};

/// A file and its number of bytes; none if the path is that of a folder.
pub(crate) fn open_file(path: &Path) -> Result<Option<(File, u64)>> {
    let file = File::open(path).map_err(Error::io(path))?;
    let metadata = file.metadata().map_err(Error::io(path))?;
    Ok((!metadata.is_dir()).then_some((file, metadata.len())))
}

/// A new file that has no name and is gone when it is closed.
pub(crate) fn unnamed_file() -> std::io::Result<File> {
    tempfile::tempfile()
}

impl FileBytes {
    /// Maps a file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(path: &Path) -> Result<FileBytes> {
        let (mut file, n_bytes) = open_file(path)?
            .ok_or_else(|| Error::checkpoint(path, "is a folder, expected a file"))?;
        // Neither can be mapped: what is no file of a disk, and nothing.
        if !file.metadata().map_err(Error::io(path))?.is_file() {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(Error::io(path))?;
            return Ok(FileBytes::new(path, bytes));
        }
        if n_bytes == 0 {
            return Ok(FileBytes::new(path, [0_u8; 0]));
        }
        // SAFETY: the map is only read. If another program cuts the file meanwhile, the program ends,
        // as would any reader of a mapped file; checkpoints are renamed into place and not written again.
        #[allow(unsafe_code, reason = "weights of gigabytes are not copied to be read")]
        let map = unsafe { Mmap::map(&file) };
        Ok(FileBytes::new(path, map.map_err(Error::io(path))?))
    }
}
