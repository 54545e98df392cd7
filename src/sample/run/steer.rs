//! Steering: between two steps of a watched run the host program opens masked cells of the current
//! block, or masks open ones. Finished blocks are never changed: later ones were drawn from them.

use std::collections::BTreeSet;

use crate::event::{Event, Step};
use crate::sample::run::cells::{CellWords, PINNED};
use crate::sample::run::likely::Likely;
use crate::sample::run::request::CachePolicy;
use crate::sample::run::stream::{Current, Run, opened_at};
use crate::{Error, Result};

/// What to do with a cell of the current block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steer {
    /// Open a masked cell with this token.
    Pin(u32),
    /// Mask an open cell: the network draws it again, seeing what is open now.
    Mask,
}

impl Run {
    /// Steers one cell of a sample's current block; an [`Event::Steer`] shows the cells then. The
    /// steps that are left are planned anew for the cells that are masked then. The text is no
    /// longer a sample of the model's distribution, but of that given the pins.
    ///
    /// # Errors
    /// [`Error::Request`] if no block of the sample is being denoised, the cell is of the prompt, a
    /// pinned cell is open already, a masked one is masked, or the token is not of the vocabulary;
    /// [`Error::DeviceLost`].
    pub fn steer(&mut self, sample: usize, cell: usize, steer: Steer) -> Result<()> {
        let Some(mut current) = self.current.take() else {
            return refuse("no block is being denoised: finished blocks cannot be changed".into());
        };
        let steered = self.steer_cell(&mut current.cells, &current.lanes, (sample, cell, steer));
        let outcome = steered.and_then(|lane| {
            let from = current.next_step;
            current.steps = self.steps_left(&current, from);
            current.masked = self.masked(&current.cells, &current.lanes);
            // The first pass also stores the blocks before; once it has run, only cells are left.
            let is_kept = self.task.request.cache != CachePolicy::Recompute;
            if from > 0 && is_kept {
                current.first_rows = current.cells.len();
            }
            current.taken = 0;
            let sampling = self.task.request.sampling;
            let uniforms = sampling.uniforms(&current.steps, current.size);
            let ids = self.ids_of(&current.cells, &current.lanes);
            self.denoiser.steer(&ids, &current.cells, &uniforms)?;
            self.push_steer_event(&current.cells, lane, from)
        });
        self.current = Some(current);
        outcome
    }

    /// Changes the words of a cell; returns the number of its lane among the current ones.
    fn steer_cell(
        &mut self,
        cells: &mut [CellWords],
        lanes: &[usize],
        (sample, cell, steer): (usize, usize, Steer),
    ) -> Result<usize> {
        let block_size = self.task.geometry.block_size;
        let of_sample = |&i: &usize| self.lanes[i].as_ref().is_some_and(|l| l.sample == sample);
        let Some(n) = lanes.iter().position(of_sample) else {
            return refuse(format!("no block of sample {sample} is being denoised"));
        };
        if self.capacity.simplex.is_some() {
            return refuse(
                "this model decides every cell anew at each step: none stays pinned".into(),
            );
        }
        if self.task.geometry.lag > 0 {
            return refuse("this model draws token by token: there is no masked cell".into());
        }
        let Some(lane) = self.lanes[lanes[n]].as_mut() else { return Ok(n) };
        let given = lane.n_given(&self.task);
        let end = given + lane.masked_positions(&self.task).len();
        if !(given..end).contains(&cell) {
            return refuse(format!(
                "cell {cell} is not one of the cells {given} to {} that are denoised",
                end - 1
            ));
        }
        let own = &mut cells[n * block_size..(n + 1) * block_size];
        let before = opened_at(own);
        let is_masked = own[cell].state == 0;
        own[cell] = match steer {
            Steer::Pin(token) if !self.task.spec.is_drawable(token) => {
                let count = self.task.spec.n_drawable();
                return refuse(format!("token {token} is not of the vocabulary of {count}"));
            }
            Steer::Pin(_) if !is_masked => return refuse(format!("cell {cell} is open already")),
            Steer::Mask if is_masked => return refuse(format!("cell {cell} is masked already")),
            Steer::Pin(token) => CellWords { token, confidence: 1.0, entropy: 0.0, state: PINNED },
            Steer::Mask => CellWords { state: 0, ..own[cell] },
        };
        // An evaluation stays one when all that it opened is masked again.
        lane.nfe += before.len() - opened_at(own).len();
        Ok(n)
    }

    /// Masked cells of each lane.
    fn masked(&self, cells: &[CellWords], lanes: &[usize]) -> Vec<usize> {
        let of_lane = |(&i, cells): (&usize, &[CellWords])| {
            let Some(lane) = &self.lanes[i] else { return 0 };
            let given = lane.n_given(&self.task);
            let own = &cells[given..given + lane.masked_positions(&self.task).len()];
            own.iter().filter(|cell| cell.state == 0).count()
        };
        lanes.iter().zip(cells.chunks(self.task.geometry.block_size)).map(of_lane).collect()
    }

    /// The steps from number `from` on that open what is masked.
    fn steps_left(&self, current: &Current, from: usize) -> Vec<usize> {
        let sampling = self.task.request.sampling;
        let mut steps = BTreeSet::new();
        for (&i, cells) in current.lanes.iter().zip(current.cells.chunks(current.size.cells)) {
            let Some(lane) = &self.lanes[i] else { continue };
            let (start, given) = (lane.block_start(&self.task), lane.n_given(&self.task));
            let end = given + lane.masked_positions(&self.task).len();
            let masked = (given..end).filter(|&cell| cells[cell].state == 0);
            let positions: Vec<usize> = masked.map(|cell| start + cell).collect();
            steps.extend(sampling.opening_steps(lane.key, &positions, current.size, from));
        }
        steps.into_iter().collect()
    }

    /// What the network reads in the cells.
    pub(super) fn ids_of(&self, cells: &[CellWords], lanes: &[usize]) -> Vec<u32> {
        let block_size = self.task.geometry.block_size;
        let mut ids = Vec::with_capacity(cells.len());
        for (&i, cells) in lanes.iter().zip(cells.chunks(block_size)) {
            let start = self.lanes[i].as_ref().map_or(0, |lane| lane.block_start(&self.task));
            for (at, cell) in cells.iter().enumerate() {
                let given = self.lanes[i].as_ref().and_then(|lane| lane.ids.get(start + at));
                let drawn = if cell.state == 0 { self.task.spec.masked_id() } else { cell.token };
                // Cells behind the sequence's end hold some other token.
                let is_behind = start + at >= self.task.geometry.end;
                let none = u32::from(self.task.spec.masked_id() == 0);
                ids.push(given.copied().unwrap_or(if is_behind { none } else { drawn }));
            }
        }
        ids
    }

    fn push_steer_event(&mut self, cells: &[CellWords], n: usize, from: usize) -> Result<()> {
        let block_size = self.task.geometry.block_size;
        let Some(lane) = self.lanes.iter().flatten().nth(n) else { return Ok(()) };
        let first = lane.block_start(&self.task);
        let count = lane.n_given(&self.task) + lane.masked_positions(&self.task).len();
        let own = &cells[n * block_size..n * block_size + count];
        let cell = |(i, words): (usize, &CellWords)| match lane.ids.get(first + i) {
            None if from == 0 && words.state == 0 => Ok(self.blank()),
            given => self.cell(*words, given.copied(), from, Likely::default()),
        };
        let cells = own.iter().enumerate().map(cell);
        let step = Step {
            sample: lane.sample,
            block_idx: lane.block_idx(&self.task),
            step: from,
            passes: lane.passes,
            cells: cells.collect::<Result<_>>()?,
            secs: lane.secs(),
        };
        self.events.push_back(Event::Steer(step));
        Ok(())
    }
}

fn refuse<T>(words: String) -> Result<T> {
    Err(Error::request(words))
}
