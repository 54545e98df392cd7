//! What a viewer asks a recording about a moment.

use bdlm::event::{Cell, CellState};

use crate::recording::moment::{BlockRecord, CellAt, Place};
use crate::recording::record::Recording;

impl Recording {
    /// Blocks that are finished at a moment.
    pub fn blocks(&self, moment: usize) -> impl Iterator<Item = &BlockRecord> {
        let now = self.moments().get(moment).copied();
        let (take, count) = now.map_or((0, 0), |m| (m.take, m.n_blocks));
        self.blocks.iter().filter(move |block| block.take == take).take(count)
    }

    /// The text before a moment's blocks: the prompt's, or what was not taken back.
    pub fn prefix(&self, moment: usize) -> &str {
        let take = self.moments().get(moment).map_or(self.take, |m| m.take);
        self.prefixes.get(take).map_or("", String::as_str)
    }

    /// Prompt and finished blocks at a moment.
    pub fn written(&self, moment: usize) -> String {
        let blocks = self.blocks(moment).map(|block| block.text.as_str());
        self.prefix(moment).to_string() + &blocks.collect::<String>()
    }

    /// Times that the sample was taken back before a moment.
    pub fn redraws(&self, moment: usize) -> usize {
        self.moments().get(moment).map_or(0, |m| m.take)
    }

    /// Positions of the current block, and the first one that the network sees, at a moment; none
    /// for the finished text.
    pub fn place(&self, moment: usize) -> Option<Place> {
        let (start, step) = (self.start()?, self.step(moment)?);
        let size = start.block_size.max(1);
        let given = step.cells.iter().take_while(|cell| cell.state == CellState::Given).count();
        let written = self.blocks(moment).last().map(|block| block.end);
        let begun = match written {
            Some(end) => end.saturating_sub(given),
            None => step.block_idx.saturating_mul(size),
        };
        let end = begun.saturating_add(size);
        Some(Place { start: begun, end, seen_from: end.saturating_sub(start.window.max(size)) })
    }

    /// All finished blocks of the last take.
    pub fn finished_blocks(&self) -> impl Iterator<Item = &BlockRecord> {
        self.blocks.iter().filter(|block| block.take == self.take)
    }

    /// The sequence with BOS up to the end of a block that is finished at a moment.
    pub fn ids_to(&self, moment: usize, block_idx: usize) -> Vec<u32> {
        let mut ids = self.start().map(|start| start.ids.clone()).unwrap_or_default();
        for block in self.blocks(moment).filter(|block| block.block_idx <= block_idx) {
            ids.truncate(block.end.saturating_sub(block.ids.len()));
            ids.extend(&block.ids);
        }
        ids
    }

    /// A cell as it is at a moment, with the moments of its block up to then.
    pub fn cell(&self, moment: usize, at: CellAt) -> Option<(&Cell, [usize; 2])> {
        if let Some(step) = self.step(moment).filter(|step| step.block_idx == at.block_idx) {
            let take = self.redraws(moment);
            let of_block = |m: usize| {
                let is_of = self.step(m).is_some_and(|s| s.block_idx == at.block_idx);
                is_of && self.redraws(m) == take
            };
            let first = (0..=moment).rev().take_while(|&m| of_block(m)).last().unwrap_or(moment);
            return Some((step.cells.get(at.cell)?, [first, moment]));
        }
        let block = self.blocks(moment).find(|block| block.block_idx == at.block_idx)?;
        let cell = block.cells.get(at.cell.checked_sub(block.given)?)?;
        Some((cell, block.moments))
    }

    /// The pass of the network after which a cell opened at this step, among some moments.
    pub fn pass_of(&self, step: usize, [first, last]: [usize; 2]) -> Option<usize> {
        let at = |moment: usize| self.step(moment).filter(|step_there| step_there.step == step);
        (first..=last).find_map(at).map(|step_there| step_there.passes)
    }

    /// Rank of a cell's token when it was drawn, by the model's probability, at one of some moments.
    pub fn rank(&self, at: CellAt, token: u32, [first, last]: [usize; 2]) -> Option<usize> {
        let cell = |moment: usize| self.step(moment)?.cells.get(at.cell);
        let drawn = (first..=last).rev().filter_map(cell).find(|cell| cell.rank.is_some())?;
        drawn.rank.filter(|_| drawn.token == token)
    }

    /// Probability of a token in a cell over some moments, where it is known.
    pub fn history(&self, at: CellAt, token: u32, [first, last]: [usize; 2]) -> Vec<(usize, f32)> {
        let mut found = Vec::new();
        for moment in first..=last {
            let Some(step) = self.step(moment) else { continue };
            let Some(cell) = step.cells.get(at.cell) else { continue };
            let listed = cell.candidates.iter().find(|c| c.token == token).map(|c| c.probability);
            let is_drawn = !matches!(cell.state, CellState::Pinned) && !cell.is_blank();
            let own = (cell.token == token && is_drawn).then_some(cell.confidence);
            found.extend(listed.or(own).map(|p| (step.step, p)));
        }
        found
    }
}
