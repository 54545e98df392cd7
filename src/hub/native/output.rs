//! Results on their way to a file. A regular file is written beside its place and renamed when it is
//! whole; what is no regular file (a pipe, a device) and the file of stdout are written to as they are.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file that is being written, and is not there before it is whole. Links stay links, and a file
/// that was there keeps its permissions and owner.
pub struct Output {
    to: To,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}

enum To {
    /// An unnamed file in the folder of the path, which is no link.
    Beside(PathBuf, NamedTempFile),
    /// What is there, such as a pipe, or a file in a folder that takes no other.
    Through(File),
    /// The file that stdout goes to.
    Stdout(io::Stdout),
}

impl Output {
    /// Begins to write.
    ///
    /// # Errors
    /// The system's, where nothing can be written.
    pub fn create(path: &Path) -> io::Result<Output> {
        To::at(path).map(|to| Output { to })
    }

    /// Gives the file its name, after all of it was written.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(self) -> io::Result<()> {
        self.to.finish()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.writer().flush()
    }
}

impl To {
    fn at(path: &Path) -> io::Result<To> {
        let there = match fs::metadata(path) {
            Ok(there) => Some(there),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        if there.as_ref().is_some_and(is_stdout) {
            return Ok(To::Stdout(io::stdout()));
        }
        let Some(there) = there else {
            let target = target(path)?;
            let file = beside(&target, None)?;
            return Ok(To::Beside(target, file));
        };
        // Also a check that it may be written to.
        let through = OpenOptions::new().write(true).open(path)?;
        if !there.is_file() {
            return Ok(To::Through(through));
        }
        let target = fs::canonicalize(path)?;
        match beside(&target, Some(&there)) {
            Ok(file) => Ok(To::Beside(target, file)),
            Err(_) => Ok(To::Through(through)),
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            To::Beside(_, file) => file,
            To::Through(file) => file,
            To::Stdout(stdout) => stdout,
        }
    }

    fn finish(mut self) -> io::Result<()> {
        self.writer().flush()?;
        match self {
            To::Stdout(_) => Ok(()),
            To::Through(mut file) => end_here(&mut file),
            To::Beside(target, file) => {
                file.as_file().sync_all()?;
                match file.persist(&target) {
                    Ok(_) => Ok(()),
                    // A file that is mounted by itself cannot be replaced, but written.
                    Err(failed) if target.is_file() => {
                        copied(failed.file, &target).map_err(|_| failed.error)
                    }
                    Err(failed) => Err(failed.error),
                }
            }
        }
    }
}

fn copied(mut from: NamedTempFile, target: &Path) -> io::Result<()> {
    let mut to = OpenOptions::new().write(true).open(target)?;
    from.as_file_mut().rewind()?;
    io::copy(from.as_file_mut(), &mut to)?;
    end_here(&mut to)
}

/// Cuts off what was longer in a file before.
fn end_here(file: &mut File) -> io::Result<()> {
    if file.metadata()?.is_file() {
        let end = file.stream_position()?;
        file.set_len(end)?;
    }
    Ok(())
}

/// A path without links, of which the last may lead to nothing.
fn target(path: &Path) -> io::Result<PathBuf> {
    const MOST_LINKS: usize = 40;
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        let Ok(next) = fs::read_link(&path) else { return Ok(path) };
        path = folder(&path).join(next);
    }
    Err(io::Error::other("too many links lead to one another"))
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A new file in the folder of a path, with the permissions of the one that it will replace.
fn beside(path: &Path, there: Option<&Metadata>) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".bdlm-");
    #[cfg(unix)]
    if there.is_none() {
        // As for any new file, the user's mask takes away from this.
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder(path))?;
    if let Some(there) = there {
        keep_owner(file.as_file(), there);
        file.as_file().set_permissions(there.permissions())?;
    }
    Ok(file)
}

/// Gives a file the owner of another, where this user may.
#[cfg(unix)]
fn keep_owner(file: &File, there: &Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    // Only root may; everybody else owns what he writes.
    let _ = fchown(file, Some(there.uid()), Some(there.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &Metadata) {}

/// True for the file that stdout goes to, by whatever name.
#[cfg(unix)]
fn is_stdout(there: &Metadata) -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;
    let stdout = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    let stdout = stdout.and_then(|stdout| stdout.metadata());
    stdout.is_ok_and(|stdout| (stdout.dev(), stdout.ino()) == (there.dev(), there.ino()))
}

#[cfg(not(unix))]
fn is_stdout(_: &Metadata) -> bool {
    false
}
