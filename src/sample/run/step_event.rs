//! The events of a watched run: the cells of a step as plain data.

use bytemuck::Zeroable;

use crate::Result;
use crate::event::{Candidate, Cell, CellState, Event, Step};
use crate::gpu::layout::likely_words;
use crate::sample::run::cells::{CellWords, PINNED};
use crate::sample::run::lane::check_finite;
use crate::sample::run::likely::{CandidateWords, Likely};
use crate::sample::run::stream::{Current, Run};

impl Run {
    /// A `Step` event for each sample whose block begins: step 0, in which nothing is drawn yet. None
    /// for models that write token by token.
    pub(super) fn push_masked_events(&mut self) -> Result<()> {
        let Some(current) = self.current.as_ref().filter(|_| self.task.geometry.lag == 0) else {
            return Ok(());
        };
        for &lane in &current.lanes {
            let Some(lane) = &self.lanes[lane] else { continue };
            let first = lane.block_start(&self.task);
            let count = lane.n_given(&self.task) + lane.masked_positions(&self.task).len();
            let cell = |i: usize| match lane.ids.get(first + i) {
                Some(&given) => self.cell(CellWords::zeroed(), Some(given), 0, Likely::default()),
                None => Ok(self.blank()),
            };
            self.events.push_back(Event::Step(Step {
                sample: lane.sample,
                block_idx: lane.block_idx(&self.task),
                step: 0,
                passes: lane.passes,
                cells: (0..count).map(cell).collect::<Result<_>>()?,
                secs: lane.secs(),
            }));
        }
        Ok(())
    }

    /// A masked cell for which no token was drawn.
    pub(super) fn blank(&self) -> Cell {
        Cell {
            token: self.task.spec.masked_id(),
            text: self.task.tokenizer.as_ref().map(|_| String::new()),
            state: CellState::Masked,
            confidence: 0.0,
            entropy: 0.0,
            rank: None,
            candidates: Vec::new(),
        }
    }

    /// A `Step` event for each sample in which a cell opened, or whose cells are decided anew.
    pub(super) fn push_step_events(
        &mut self,
        current: &Current,
        step: usize,
        cells: &[CellWords],
        likely: &[u32],
    ) -> Result<()> {
        let block_size = self.task.geometry.block_size;
        let per_cell = likely_words(self.capacity.candidates);
        for (n, &lane) in current.lanes.iter().enumerate() {
            let Some(lane) = &self.lanes[lane] else { continue };
            let count = lane.n_given(&self.task) + lane.masked_positions(&self.task).len();
            let cells = &cells[n * block_size..n * block_size + count];
            let opens = cells.iter().any(|cell| cell.state == step as u32 + 1);
            if !opens && self.capacity.simplex.is_none() {
                continue;
            }
            let first = lane.block_start(&self.task);
            let mut shown = Vec::with_capacity(block_size);
            for (i, words) in cells.iter().enumerate() {
                let at = (n * block_size + i) * per_cell;
                let likely = Likely::of(&likely[at..at + per_cell]);
                let given = lane.ids.get(first + i).copied();
                check_finite(lane.sample, first + i, words.state)?;
                shown.push(self.cell(*words, given, step, likely)?);
            }
            self.events.push_back(Event::Step(Step {
                sample: lane.sample,
                block_idx: lane.block_idx(&self.task),
                step: step + 1,
                passes: lane.passes,
                cells: shown,
                secs: lane.secs(),
            }));
        }
        Ok(())
    }

    pub(super) fn cell(
        &self,
        words: CellWords,
        given: Option<u32>,
        step: usize,
        likely: Likely<'_>,
    ) -> Result<Cell> {
        let piece = |token: u32| self.task.tokenizer.as_ref().map(|t| t.piece(token));
        if let Some(token) = given {
            let (text, state) = (piece(token), CellState::Given);
            let (confidence, entropy, rank, candidates) = (1.0, 0.0, None, Vec::new());
            return Ok(Cell { token, text, state, confidence, entropy, rank, candidates });
        }
        if words == CellWords::zeroed() {
            // No pass has looked at it yet: it is behind the window.
            return Ok(self.blank());
        }
        let state = match words.state {
            0 => CellState::Masked,
            PINNED => CellState::Pinned,
            opened => CellState::Open { step: opened as usize },
        };
        // The network ran before the cell opened: at that step too there were candidates.
        let undecided = words.state == 0 || words.state == step as u32 + 1;
        let Likely { rank, top } = if undecided { likely } else { Likely::default() };
        let candidate = |c: &CandidateWords| Candidate {
            token: c.token,
            text: piece(c.token),
            probability: c.probability,
        };
        Ok(Cell {
            token: words.token,
            text: piece(words.token),
            state,
            confidence: words.confidence,
            entropy: words.entropy,
            rank: (rank > 0).then_some(rank as usize),
            candidates: top
                .iter()
                .filter(|c| (c.token as usize) < self.task.spec.vocab_size)
                .map(candidate)
                .collect(),
        })
    }
}
