//! The runs that were made: each stays until the user deletes it, or the bounds are reached.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::recording::{Recording, text};
use crate::state::pane::Origin;

/// Runs that are kept; beyond that the oldest ones go that are not pinned.
pub const MAX_RUNS: usize = 200;
/// Bytes of recordings that stay in memory; beyond that the oldest are read again when they are shown.
const MAX_MEMORY_BYTES: usize = 96_000_000;
/// Characters of a run's text in the list.
const WORDS: usize = 80;

/// A run that is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// Its number.
    pub id: u64,
    /// The name that the user gave it; empty if none.
    pub name: String,
    /// When it began, in seconds since 1970.
    pub begun_secs: u64,
    /// What it was begun from.
    pub origin: Origin,
    /// It is never dropped.
    pub is_pinned: bool,
    /// The beginning of its text.
    pub words: String,
    /// Steps that can be shown.
    pub n_steps: usize,
    /// Steps at which cells were steered.
    pub n_steered: usize,
    /// True if the run came to its end.
    pub is_done: bool,
}

impl Kept {
    /// The name, or what stands for it.
    pub fn title(&self) -> &str {
        let words = [&self.name, &self.words, &self.origin.prompt, &self.origin.carried];
        let first = words.into_iter().map(|words| words.trim()).find(|words| !words.is_empty());
        first.unwrap_or("(no prompt)")
    }
}

/// All runs, the oldest first.
#[derive(Debug, Default)]
pub struct History {
    runs: Vec<Kept>,
    /// Those in memory.
    recordings: BTreeMap<u64, Recording>,
    /// A run that is being renamed, and the name as it is typed.
    pub renaming: Option<(u64, String)>,
    /// The run that was deleted last.
    deleted: Option<(Kept, Option<Recording>)>,
    /// Whether runs are also on disk, and can be read from there.
    pub is_stored: bool,
    last_id: u64,
}

impl History {
    /// Runs that were kept before, the oldest first.
    pub fn of(runs: Vec<Kept>) -> History {
        let last_id = runs.iter().map(|run| run.id).max().unwrap_or(0);
        History { runs, last_id, is_stored: true, ..History::default() }
    }

    /// All runs, the oldest first.
    pub fn runs(&self) -> &[Kept] {
        &self.runs
    }

    /// A run.
    pub fn get(&self, id: u64) -> Option<&Kept> {
        self.runs.iter().find(|run| run.id == id)
    }

    /// A run's recording, if it is in memory.
    pub fn recording(&self, id: u64) -> Option<&Recording> {
        self.recordings.get(&id)
    }

    /// The run that can be brought back.
    pub fn deleted(&self) -> Option<&Kept> {
        self.deleted.as_ref().map(|(run, _)| run)
    }

    /// A run begins; returns its number.
    pub fn add(&mut self, origin: Origin, begun_millis: u64) -> u64 {
        // Two windows may keep runs in one folder.
        self.last_id = begun_millis.max(self.last_id + 1);
        let (id, begun_secs) = (self.last_id, begun_millis / 1000);
        self.runs.push(Kept { id, origin, begun_secs, ..Kept::default() });
        id
    }

    /// What was recorded of a run so far; false if that is known already.
    pub fn update(&mut self, id: u64, recording: &Recording) -> bool {
        let before = self.recordings.get(&id).map(|known| known.events().len());
        let Some(run) = self.runs.iter_mut().find(|run| run.id == id) else { return false };
        if before == Some(recording.events().len()) {
            return false;
        }
        let moments = recording.moments();
        run.words = text(recording, moments.len()).chars().take(WORDS).collect();
        run.words = run.words.replace('\n', " ");
        (run.n_steps, run.is_done) = (moments.len(), recording.done().is_some());
        run.n_steered = moments.iter().filter(|moment| moment.is_steered).count();
        self.recordings.insert(id, recording.clone());
        true
    }

    /// Puts a recording that was read into memory.
    pub fn remember(&mut self, id: u64, recording: Recording) {
        self.recordings.insert(id, recording);
    }

    /// Names a run.
    pub fn rename(&mut self, id: u64, name: &str) {
        if let Some(run) = self.runs.iter_mut().find(|run| run.id == id) {
            run.name = name.trim().into();
        }
        self.renaming = None;
    }

    /// Pins a run, or lets go of it.
    pub fn pin(&mut self, id: u64, is_pinned: bool) {
        if let Some(run) = self.runs.iter_mut().find(|run| run.id == id) {
            run.is_pinned = is_pinned;
        }
    }

    /// Deletes a run; it can be brought back until the next is deleted. Returns the run that was
    /// deleted before it, which is gone for good.
    pub fn delete(&mut self, id: u64) -> Option<u64> {
        let at = self.runs.iter().position(|run| run.id == id)?;
        let run = self.runs.remove(at);
        let before = self.deleted.replace((run, self.recordings.remove(&id)));
        before.map(|(run, _)| run.id)
    }

    /// A run is gone from the disk; in memory it stays while it is there.
    pub fn forget(&mut self, id: u64) {
        self.runs.retain(|run| run.id != id || self.recordings.contains_key(&id));
    }

    /// Brings back the run that was deleted last; returns its number.
    pub fn undelete(&mut self) -> Option<u64> {
        let (run, recording) = self.deleted.take()?;
        let id = run.id;
        let at = self.runs.partition_point(|other| other.id < id);
        self.runs.insert(at, run);
        self.recordings.extend(recording.map(|recording| (id, recording)));
        Some(id)
    }

    /// Drops the oldest runs beyond the bound, but none that is pinned or shown; returns their numbers.
    /// Recordings that are stored, or are too many, leave the memory.
    pub fn bound(&mut self, shown: &[u64]) -> Vec<u64> {
        let mut dropped = Vec::new();
        while self.runs.len() > MAX_RUNS {
            let can_go = |run: &Kept| !run.is_pinned && !shown.contains(&run.id);
            let Some(at) = self.runs.iter().position(can_go) else { break };
            let id = self.runs.remove(at).id;
            self.recordings.remove(&id);
            dropped.push(id);
        }
        let mut bytes: usize = self.recordings.values().map(Recording::bytes).sum();
        let hidden = self.recordings.keys().filter(|id| !shown.contains(id)).copied();
        for id in hidden.collect::<Vec<u64>>() {
            if bytes <= MAX_MEMORY_BYTES {
                break;
            }
            if self.is_stored {
                bytes -= self.recordings.remove(&id).map_or(0, |recording| recording.bytes());
            } else if let Some(recording) = self.recordings.get_mut(&id) {
                let before = recording.bytes();
                recording.thin_to(before.saturating_sub(bytes - MAX_MEMORY_BYTES));
                bytes = bytes - before + recording.bytes();
            }
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(count: u64) -> History {
        let mut history = History::default();
        (0..count).for_each(|secs| {
            history.add(Origin::default(), secs);
        });
        history
    }

    #[test]
    fn the_oldest_go_first_and_never_those_that_are_pinned_or_shown() {
        let mut history = history(MAX_RUNS as u64 + 3);
        history.pin(1, true);
        assert_eq!(history.bound(&[2]), [3, 4, 5]);
        assert_eq!(history.runs().len(), MAX_RUNS);
        assert!(history.get(1).is_some() && history.get(2).is_some());
        assert_eq!(history.bound(&[2]), [0; 0]);
    }

    #[test]
    fn the_last_run_that_was_deleted_comes_back_to_its_place() {
        let mut history = history(3);
        history.rename(2, " two ");
        assert_eq!(history.delete(2), None);
        assert_eq!(history.runs().iter().map(|run| run.id).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(history.undelete(), Some(2));
        assert_eq!(history.runs()[1].title(), "two");
        assert_eq!(history.undelete(), None);
        history.delete(1);
        assert_eq!(history.delete(2), Some(1), "the one before is gone for good");
        assert_eq!(history.add(Origin::default(), 2), 4, "numbers are never given twice");
    }
}
