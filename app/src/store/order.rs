//! What is asked of the store, and what it reports.

use crate::recording::Recording;
use crate::state::{Kept, KeptTalk};

/// Something to write, to read or to delete.
pub enum Order {
    /// The events of a run.
    Write(u64, Recording),
    /// The list of runs; afterwards room is made if there are too many bytes.
    Index(Vec<Kept>),
    /// A run to read.
    Read(u64),
    /// A run to delete.
    Remove(u64),
    /// A conversation to keep.
    Keep(KeptTalk),
    /// A conversation to delete.
    Forget(u64),
}

/// What the store reports.
#[derive(Debug)]
pub enum Answer {
    /// A run that was read, or why not.
    Read(u64, Result<Recording, String>),
    /// Runs that were dropped to make room.
    Dropped(Vec<u64>),
    /// Something could not be written.
    Failed(String),
}
