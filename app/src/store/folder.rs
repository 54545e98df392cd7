//! A folder with runs: `runs.json` lists them, `ID.jsonl` holds the events of one.

use std::fs;
use std::path::{Path, PathBuf};

use bdlm::event::Event;

use crate::recording::{Recording, json_lines, read_events};
use crate::state::Kept;
use crate::store::talks::Talks;
use crate::store::write::write;

/// Bytes of all runs on disk. Beyond that the oldest that are not pinned lose their candidates, then
/// their cells, then go.
pub const MAX_BYTES: u64 = 1_000_000_000;

const INDEX: &str = "runs.json";

/// What old runs lose, mildest first.
#[derive(Clone, Copy, PartialEq)]
enum Loss {
    Candidates,
    Cells,
    All,
}

/// The folder.
pub struct Folder {
    path: PathBuf,
    limit: u64,
}

impl Folder {
    /// A folder with at most so many bytes of runs; it is made when the first is written.
    pub fn new(path: PathBuf, limit: u64) -> Folder {
        Folder { path, limit }
    }

    /// The runs that are listed; none if there is no list, or it cannot be read.
    pub fn index(&self) -> Vec<Kept> {
        let bytes = fs::read(self.path.join(INDEX)).unwrap_or_default();
        let runs: Vec<Kept> = serde_json::from_slice(&bytes).unwrap_or_default();
        runs.into_iter().filter(|run| self.file(run.id).is_file()).collect()
    }

    /// Writes the list.
    ///
    /// # Errors
    /// What the system says.
    pub fn write_index(&self, runs: &[Kept]) -> Result<(), String> {
        let bytes = serde_json::to_vec_pretty(runs).map_err(|e| e.to_string())?;
        self.write(&self.path.join(INDEX), &bytes)
    }

    /// Writes the events of a run.
    ///
    /// # Errors
    /// What the system says.
    pub fn write_run(&self, id: u64, recording: &Recording) -> Result<(), String> {
        self.write(&self.file(id), json_lines(recording.events()).as_bytes())
    }

    /// Reads the events of a run.
    ///
    /// # Errors
    /// In words, as for files that the user opens.
    pub fn read_run(&self, id: u64) -> Result<Recording, String> {
        read_events(&self.file(id)).map(Recording::of)
    }

    /// Deletes a run; in vain if it is not there.
    pub fn remove(&self, id: u64) {
        let _ = fs::remove_file(self.file(id));
    }

    /// Makes room: the oldest runs that are not pinned lose what they can. Returns those that are gone.
    ///
    /// # Errors
    /// What the system says.
    pub fn bound(&self, runs: &[Kept]) -> Result<Vec<u64>, String> {
        let size = |id| fs::metadata(self.file(id)).map_or(0, |found| found.len());
        let mut total: u64 = runs.iter().map(|run| size(run.id)).sum();
        let mut gone = Vec::new();
        for loss in [Loss::Candidates, Loss::Cells, Loss::All] {
            for run in runs.iter().filter(|run| !run.is_pinned) {
                if total <= self.limit {
                    return Ok(gone);
                }
                let before = size(run.id);
                self.thin(run.id, loss)?;
                total = total.saturating_sub(before) + size(run.id);
                gone.extend((loss == Loss::All).then_some(run.id));
            }
        }
        Ok(gone)
    }

    fn thin(&self, id: u64, loss: Loss) -> Result<(), String> {
        if loss == Loss::All {
            self.remove(id);
            return Ok(());
        }
        let Ok(mut events) = read_events(&self.file(id)) else { return Ok(()) };
        for event in &mut events {
            if let Event::Step(step) | Event::Steer(step) = event {
                match loss {
                    Loss::Candidates => {
                        step.cells.iter_mut().for_each(|cell| cell.candidates = Vec::new());
                    }
                    Loss::Cells | Loss::All => step.cells = Vec::new(),
                }
            }
        }
        let events: Vec<_> = events.into_iter().map(std::sync::Arc::new).collect();
        self.write(&self.file(id), json_lines(&events).as_bytes())
    }

    fn file(&self, id: u64) -> PathBuf {
        self.path.join(format!("{id}.jsonl"))
    }

    /// Where conversations are kept.
    pub(super) fn talks(&self) -> Talks {
        Talks::new(self.path.join("conversations"))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), String> {
        write(&self.path, path, bytes)
    }
}
