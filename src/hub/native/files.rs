//! Files of the disk, mapped instead of copied.

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use crate::hub::FileBytes;
use crate::{Error, Result};

impl FileBytes {
    /// Maps a file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(path: &Path) -> Result<FileBytes> {
        let file = File::open(path).map_err(Error::io(path))?;
        let metadata = file.metadata().map_err(Error::io(path))?;
        if metadata.is_dir() {
            return Err(Error::checkpoint(path, "is a folder, expected a file"));
        }
        // An empty file cannot be mapped.
        if metadata.len() == 0 {
            return Ok(FileBytes::new(path, [0_u8; 0]));
        }
        // SAFETY: the map is only read. If another program cuts the file meanwhile, the program ends,
        // as would any reader of a mapped file; checkpoints are renamed into place and not written again.
        #[allow(unsafe_code, reason = "weights of gigabytes are not copied to be read")]
        let map = unsafe { Mmap::map(&file) };
        Ok(FileBytes::new(path, map.map_err(Error::io(path))?))
    }
}
