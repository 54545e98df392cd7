//! Files that are kept from one start to the next: written beside their place and renamed, since
//! another process may read them.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Replaces a file, in a folder that is made if need be.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".bdlm-");
    // Users may share the folder.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}
