//! Rows of a block and of a context before it that are computed together, since each sees the other.

use crate::model::Row;
use crate::sample::run::lane::Lane;
use crate::sample::run::task::Task;
use crate::sample::steps::{ContextPolicy, Sampler};

impl Lane {
    /// The tokens before the current block that it sees.
    pub(super) fn context(&self, task: &Task) -> &[u32] {
        let grows = match task.request.sampling.sampler {
            Sampler::Simplex(simplex) => simplex.context == ContextPolicy::Grow,
            _ => false,
        };
        let is_first = self.ids.len() == task.prompt.len();
        let last = self.ids.len().saturating_sub(task.geometry.block_size);
        &self.ids[if grows || is_first { 0 } else { last }..]
    }

    /// Rows of the context.
    pub(super) fn context_rows(&self, task: &Task) -> impl Iterator<Item = Row> {
        let ids = self.context(task).iter().copied();
        ids.enumerate().map(|(position, id)| self.joint_row(task, position, id))
    }

    /// Rows of the current block, behind its context.
    pub(super) fn cell_rows(&self, task: &Task) -> impl Iterator<Item = Row> {
        let (first, id) = (self.context(task).len(), task.spec.masked_id());
        let positions = first..first + task.geometry.block_size;
        positions.map(move |position| self.joint_row(task, position, id))
    }

    /// A row that sees all of context and block.
    fn joint_row(&self, task: &Task, position: usize, id: u32) -> Row {
        let base = self.ring.base;
        let end = base + self.context(task).len() + task.geometry.block_size;
        Row { id, position, slot: self.ring.slot(position), spans: [base, end, base, base] }
    }
}
