//! Conversations on disk: `ID.json` holds one.

use std::fs;
use std::path::PathBuf;

use crate::state::{KeptTalk, MAX_TALKS};
use crate::store::write::write;

/// The folder of conversations.
pub(super) struct Talks {
    path: PathBuf,
}

impl Talks {
    pub(super) fn new(path: PathBuf) -> Talks {
        Talks { path }
    }

    /// Those that can be read, the oldest first; the others stay where they are.
    pub(super) fn all(&self) -> Vec<KeptTalk> {
        let read = |id: u64| serde_json::from_slice(&fs::read(self.file(id)).ok()?).ok();
        self.ids().into_iter().filter_map(read).collect()
    }

    /// Writes a conversation; if there are too many, the oldest go.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn write(&self, talk: &KeptTalk) -> Result<(), String> {
        let bytes = serde_json::to_vec(talk).map_err(|e| e.to_string())?;
        write(&self.path, &self.file(talk.id), &bytes)?;
        let ids = self.ids();
        // One more than are listed: the one that is shown.
        let beyond = ids.len().saturating_sub(MAX_TALKS + 1);
        ids.into_iter().take(beyond).for_each(|id| self.remove(id));
        Ok(())
    }

    /// Deletes a conversation; in vain if it is not there.
    pub(super) fn remove(&self, id: u64) {
        let _ = fs::remove_file(self.file(id));
    }

    /// The numbers that files have, rising.
    fn ids(&self) -> Vec<u64> {
        let id = |entry: fs::DirEntry| {
            entry.file_name().to_str()?.strip_suffix(".json")?.parse::<u64>().ok()
        };
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let mut ids: Vec<u64> = entries.filter_map(id).collect();
        ids.sort_unstable();
        ids
    }

    fn file(&self, id: u64) -> PathBuf {
        self.path.join(format!("{id}.json"))
    }
}
