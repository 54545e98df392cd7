//! Files that are never left half written.

use std::io::Write;
use std::path::Path;

use crate::export::error::PictureError;

/// Writes a file beside its place and renames it.
///
/// # Errors
/// [`PictureError::Write`].
pub fn write_beside(path: &Path, bytes: &[u8]) -> Result<(), PictureError> {
    let failed = |e: &dyn std::fmt::Display| {
        // The temporary file's name says nothing to the user.
        let cause = e.to_string().split(" at path").next().unwrap_or_default().to_string();
        let path = path.display().to_string();
        PictureError::Write { path, cause }
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".bdlm-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder.unwrap_or(Path::new("."))).map_err(|e| failed(&e))?;
    file.write_all(bytes).map_err(|e| failed(&e))?;
    file.as_file().sync_all().map_err(|e| failed(&e))?;
    file.persist(path).map_err(|e| failed(&e.error))?;
    Ok(())
}
