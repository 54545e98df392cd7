//! The bytes of a file, mapped or embedded, with the path that messages name.

use std::collections::BTreeSet;
use std::fs::File;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::{Error, Result};

/// A file's bytes, mapped from the disk or embedded in the program.
#[derive(Debug)]
pub struct FileBytes {
    path: PathBuf,
    bytes: Bytes,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    Embedded(&'static [u8]),
}

impl FileBytes {
    /// Maps a file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(path: &Path) -> Result<FileBytes> {
        let file = File::open(path).map_err(Error::io(path))?;
        let metadata = file.metadata().map_err(Error::io(path))?;
        if metadata.is_dir() {
            let words = "is a folder, expected a file".to_string();
            return Err(Error::checkpoint(path, words));
        }
        // An empty file cannot be mapped.
        let bytes = if metadata.len() == 0 {
            Bytes::Embedded(&[])
        } else {
            // SAFETY: the map is only read. A file that is cut while it is mapped would end the
            // program, as it would any reader of a mapped file; checkpoints are renamed into
            // place and not written again.
            #[allow(unsafe_code, reason = "weights of gigabytes are not copied to be read")]
            let map = unsafe { Mmap::map(&file) };
            Bytes::Mapped(map.map_err(Error::io(path))?)
        };
        Ok(FileBytes { path: path.into(), bytes })
    }

    pub(crate) fn embedded(name: &str, bytes: &'static [u8]) -> FileBytes {
        FileBytes { path: format!("{name} (embedded)").into(), bytes: Bytes::Embedded(bytes) }
    }

    /// The path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped(map) => map,
            Bytes::Embedded(bytes) => bytes,
        }
    }
}

/// Names of the shards that a `model.safetensors.index.json` lists.
pub fn shard_names(index: &FileBytes) -> Result<BTreeSet<String>> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: std::collections::BTreeMap<String, String>,
    }
    let damaged = |e| Error::checkpoint(index.path(), format!("not an index of shards: {e}"));
    let listed: Index = serde_json::from_slice(index).map_err(damaged)?;
    let names: BTreeSet<String> = listed.weight_map.into_values().collect();
    // A name with a path in it could lead anywhere.
    match names.iter().find(|name| Path::new(name).file_name() != Some(name.as_ref())) {
        Some(name) => {
            let cause = format!("names the shard `{name}`, expected a file beside the index");
            Err(Error::checkpoint(index.path(), cause))
        }
        None => Ok(names),
    }
}
