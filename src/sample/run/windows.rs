//! Passes over a window of a block alone: keys and values of the rest of the block stay as the last
//! pass over all of it left them. An approximation. Source: Wu et al., Fast-dLLM v2, 2025.

use crate::Result;
use crate::model::Row;
use crate::sample::run::cells::CellWords;
use crate::sample::run::pass_shape::PassShape;
use crate::sample::run::stream::{Current, Run};

impl Run {
    /// The step with this number among the current ones: over the first window that has a masked cell,
    /// or over the whole block where that has not been passed yet or the window begins with a masked
    /// cell. Returns the cells then.
    pub(super) async fn run_window(
        &mut self,
        current: &mut Current,
        number: usize,
    ) -> Result<Vec<CellWords>> {
        let (size, masked_id) = (self.task.geometry.block_size, self.task.spec.masked_id());
        let ids = self.ids_of(&current.cells, &current.lanes);
        let first = ids.iter().position(|&id| id == masked_id).unwrap_or(0);
        let start = first / self.capacity.window * self.capacity.window;
        let passed = match current.passed.is_none() || ids[start] == masked_id {
            true => 0..size,
            false => start..(start + self.capacity.window).min(size),
        };
        // The block was described when it began; since then other passes may have run.
        let rows = match &current.passed {
            None => current.first_rows,
            Some(_) => self.describe(current, &ids, passed.clone(), number)?,
        };
        let index = if current.passed.is_none() { number } else { 0 };
        let masked = passed.clone().filter(|&i| ids[i] == masked_id).count();
        let shape = PassShape::new(rows, (passed.len(), passed.len()), masked);
        let found = self.denoiser.run((index, index + 1), passed.len(), &|_| shape).await?;
        let mut cells = current.cells.clone();
        for (cell, found) in cells[passed.clone()].iter_mut().zip(found) {
            // Of cells that are open, or outside the window, nothing is measured.
            if cell.state == 0 && (found.state != 0 || found.confidence > 0.0) {
                *cell = found;
            }
        }
        current.passed = Some(passed);
        Ok(cells)
    }

    /// Describes cells of the block to the denoiser; returns how many rows they have.
    fn describe(
        &mut self,
        current: &Current,
        ids: &[u32],
        cells: std::ops::Range<usize>,
        number: usize,
    ) -> Result<usize> {
        let lane = current.lanes.first().and_then(|&i| self.lanes[i].as_ref());
        let Some(lane) = lane else { return Ok(0) };
        let (task, sampling) = (&self.task, self.task.request.sampling);
        let rows = lane.current_rows(task).zip(ids).map(|(row, &id)| Row { id, ..row });
        let rows: Vec<Row> = rows.skip(cells.start).take(cells.len()).collect();
        let keys: Vec<_> = lane.current_keys(task).skip(cells.start).take(cells.len()).collect();
        let step = current.steps.get(number).copied().unwrap_or(0);
        self.denoiser.begin(&rows, &keys, &sampling.uniforms(&[step], current.size))?;
        Ok(rows.len())
    }
}
