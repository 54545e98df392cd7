//! Files that are kept from one start to the next: written beside their place and renamed, since
//! another process may read them.

use std::io;
use std::path::Path;

/// There are no files in a browser.
#[cfg(target_arch = "wasm32")]
pub(crate) fn replace(_path: &Path, _bytes: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Replaces a file, in a folder that is made if need be.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".bdlm-");
    // Users may share the folder.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder)?;
    io::Write::write_all(&mut file, bytes)?;
    file.persist(path)?;
    Ok(())
}
