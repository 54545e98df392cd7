//! Small files of the cache folder that keep something for each adapter and driver.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::hub::kept;
use crate::{Error, Result};

/// A file with an entry for each adapter and driver: another driver may compute otherwise. Entries of
/// other adapters stay as they are, whichever version wrote them.
pub(crate) struct PerAdapter(PathBuf);

/// By adapter and driver.
type Entries = BTreeMap<String, Value>;

impl PerAdapter {
    /// The file of this name in a folder.
    pub(crate) fn new(folder: &Path, name: &str) -> PerAdapter {
        PerAdapter(folder.join(name))
    }

    /// An adapter's entry, if there is one that can be read.
    pub(crate) fn get(&self, info: &wgpu::AdapterInfo) -> Option<Value> {
        self.entries().ok()?.remove(&key(info))
    }

    /// Replaces or removes an adapter's entry; the path of the file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn set(&self, info: &wgpu::AdapterInfo, entry: Option<Value>) -> Result<PathBuf> {
        let replaced = || -> io::Result<()> {
            let mut entries = self.entries()?;
            match entry {
                Some(entry) => entries.insert(key(info), entry),
                None => entries.remove(&key(info)),
            };
            kept::replace(&self.0, &serde_json::to_vec_pretty(&entries)?)
        };
        replaced().map_err(Error::io(&self.0))?;
        Ok(self.0.clone())
    }

    /// No entries if there is no file, or if it is damaged: nobody can use it.
    fn entries(&self) -> io::Result<Entries> {
        let bytes = kept::read(&self.0)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
    }
}

fn key(info: &wgpu::AdapterInfo) -> String {
    let wgpu::AdapterInfo { name, backend, driver, driver_info, .. } = info;
    [name, backend.to_str(), driver, driver_info].join(", ")
}
