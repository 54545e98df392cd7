//! Files that are never left half written.

use std::path::Path;

use crate::export::error::PictureError;
use crate::system;

/// Writes a file beside its place and renames it; links, pipes and permissions stay as they are.
///
/// # Errors
/// [`PictureError::Write`].
pub fn write_beside(path: &Path, bytes: &[u8]) -> Result<(), PictureError> {
    system::write(path, bytes).map_err(|e| {
        let parent = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = parent.filter(|folder| !folder.is_dir()) {
            let cause = format!("there is no folder {}", folder.display());
            return PictureError::Write { path: path.display().to_string(), cause };
        }
        // The temporary file's name says nothing to the user.
        let cause = e.to_string().split(" at path").next().unwrap_or_default().to_string();
        let path = path.display().to_string();
        PictureError::Write { path, cause }
    })
}
