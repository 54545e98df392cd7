//! Writing files of the store.

use std::fs;
use std::io::Write;
use std::path::Path;

use bdlm::hub::Output;

/// Writes a file of a folder, which is made if it is not there.
pub(super) fn write(folder: &Path, path: &Path, bytes: &[u8]) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{} cannot be written: {e}", path.display());
    fs::create_dir_all(folder).map_err(failed)?;
    let write = || {
        let mut output = Output::create(path)?;
        output.write_all(bytes)?;
        output.finish()
    };
    write().map_err(failed)
}
