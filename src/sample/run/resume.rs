//! Runs that go on with what an earlier one left.

use crate::sample::run::capacity::Capacity;
use crate::sample::run::kept::{Kept, Stored};
use crate::sample::run::stream::Run;
use crate::sample::run::task::Task;

impl Run {
    /// Goes on with the buffers of another run, whose capacity is the same but for the grid.
    pub(super) fn on(kept: Kept, capacity: Capacity, task: Task) -> Run {
        let stored_blocks = kept.stored.common_blocks(&task.prompt, &capacity);
        let denoiser = kept.denoiser.with_geometry(capacity.geometry);
        Run { stored_blocks, ..Run::with(denoiser, capacity, task) }
    }

    /// Blocks at the beginning whose keys and values are those of an earlier run.
    pub fn stored_blocks(&self) -> usize {
        self.stored_blocks
    }

    /// Ends a run of one sample, and keeps its buffers and what it stored for a run that begins with
    /// the same tokens, see [`crate::sample::Engine::run_on`]. Nothing if there were several.
    #[must_use]
    pub fn keep(self) -> Option<Kept> {
        let Run { denoiser, lanes, capacity, stored, .. } = self;
        let [lane] = &lanes[..] else { return None };
        let offset = capacity.geometry.offset;
        let stored = match (lane, stored) {
            (Some(lane), _) => Stored::of(lane, offset),
            (None, stored) => stored?,
        };
        Some(Kept { denoiser, capacity, stored })
    }
}
