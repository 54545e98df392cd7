//! The rows and cache slots of sequences and their noisy copies, and what each row sees. The masks
//! of training and likelihood are written here, as spans: blocks that cannot be seen cost nothing.

use std::ops::Range;

use crate::eval::estimator::{FirstToken, Pattern};
use crate::eval::scorer::Target;
use crate::model::{Mask, Row};

/// Sizes of a likelihood pass. Clean sequences have the first slots, copies those behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What a row sees.
    pub mask: Mask,
    /// Positions between a row and the token that it predicts.
    pub logit_shift: usize,
    /// Rows and slots of a sequence.
    pub context: usize,
    /// Tokens of a block.
    pub block_size: usize,
    /// Noisy copies in a pass.
    pub copies: usize,
    /// Clean sequences that are held.
    pub batch: usize,
    /// The token that stands in a masked cell.
    pub masked_id: u32,
}

impl Layout {
    /// Rows of the longest pass.
    pub fn rows(&self) -> usize {
        self.copies * self.context
    }

    /// Slots of the cache.
    pub fn slots(&self) -> usize {
        self.copy_at(self.copies)
    }

    /// True if noisy blocks see clean ones before them.
    pub fn has_clean_half(&self) -> bool {
        matches!(self.mask, Mask::Blocks { .. })
    }

    /// True if the first token of a block is predicted by the clean row before the block.
    pub fn has_leads(&self) -> bool {
        self.has_clean_half() && self.logit_shift > 0
    }

    /// Tokens at the beginning of a sequence that are not counted, where none are given.
    pub fn n_given(&self, first: FirstToken) -> usize {
        match first {
            FirstToken::Counted => self.logit_shift,
            FirstToken::Given => 1,
        }
    }

    /// The same blocks on a grid that begins `offset` cells before the sequence.
    #[must_use]
    pub fn on_grid(self, offset: usize) -> Layout {
        match self.mask {
            Mask::Blocks { size, .. } => Layout { mask: Mask::Blocks { size, offset }, ..self },
            _ => self,
        }
    }

    /// Cells by which the first block is shorter.
    fn offset(&self) -> usize {
        match self.mask {
            Mask::Blocks { offset, .. } => offset,
            Mask::All | Mask::Before => 0,
        }
    }

    /// Index of a position's block.
    pub fn block_of(&self, position: usize) -> usize {
        (position + self.offset()) / self.block_size
    }

    /// First positions of the blocks of a sequence of so many tokens.
    fn starts(&self, length: usize) -> impl Iterator<Item = usize> {
        let offset = self.offset();
        (0..length + offset).step_by(self.block_size).map(move |at| at.saturating_sub(offset))
    }

    /// Positions to predict inside blocks, by block, behind the first `given` tokens.
    pub fn blocks(&self, length: usize, given: usize) -> Vec<Range<usize>> {
        let lead = usize::from(self.has_leads());
        let block = |at: usize| (at + lead).max(given)..(self.block_end(at, length));
        self.starts(length).map(block).filter(|block| !block.is_empty()).collect()
    }

    /// Positions behind the first `given` tokens that the clean row before their block predicts. The
    /// first token of a sequence has no such row.
    pub fn leads(&self, length: usize, given: usize) -> Vec<usize> {
        match self.has_leads() {
            true => self.starts(length).filter(|&at| at >= given.max(1)).collect(),
            false => Vec::new(),
        }
    }

    /// First slot of a copy.
    fn copy_at(&self, copy: usize) -> usize {
        let clean = if self.has_clean_half() { self.batch } else { 0 };
        (clean + copy) * self.context
    }

    /// Rows of a clean sequence, block-causal.
    pub fn clean_rows(&self, sequence: usize, ids: &[u32]) -> Vec<Row> {
        let begin = sequence * self.context;
        let row = |position: usize, id: u32| {
            let end = begin + self.block_end(position, ids.len());
            Row { id, position, slot: begin + position, spans: [begin, end, begin, begin] }
        };
        self.filled(begin, ids.iter().enumerate().map(|(i, &id)| row(i, id)))
    }

    /// Rows of copy number `copy`, of a sequence that is held as number `sequence`.
    pub fn copy_rows(
        &self,
        copy: usize,
        sequence: usize,
        ids: &[u32],
        pattern: &Pattern,
    ) -> Vec<Row> {
        let (clean, begin, length) = (sequence * self.context, self.copy_at(copy), ids.len());
        let row = |(position, &id): (usize, &u32)| {
            let hides = self.logit_shift == 0 || self.has_clean_half();
            let is_masked = hides && pattern.masks(position);
            let (own, end) = (self.mask.own_start(position), self.mask.end(position, length));
            let spans = match self.has_clean_half() {
                true => [clean, clean + own, begin + own, begin + end],
                false => [begin + own, begin + end, begin, begin],
            };
            let id = if is_masked { self.masked_id } else { id };
            Row { id, position, slot: begin + position, spans }
        };
        self.filled(begin, ids.iter().enumerate().map(row))
    }

    /// The targets of copy number `copy`: masked tokens, or each next one.
    pub fn targets(&self, copy: usize, ids: &[u32], pattern: &Pattern) -> Vec<Target> {
        let masked = (0..ids.len()).filter(|&position| pattern.masks(position));
        let target = |position: usize| Target {
            row: copy * self.context + position - self.logit_shift,
            token: ids[position],
        };
        masked.map(target).collect()
    }

    fn block_end(&self, position: usize, length: usize) -> usize {
        match self.mask {
            Mask::Blocks { .. } => self.mask.end(position, length),
            Mask::All | Mask::Before => (position + self.block_size).min(length),
        }
    }

    /// The rows, filled up to the context with rows that see themselves alone.
    fn filled(&self, begin: usize, rows: impl Iterator<Item = Row>) -> Vec<Row> {
        let mut rows: Vec<Row> = rows.collect();
        rows.extend((begin + rows.len()..begin + self.context).map(Row::idle));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(mask: Mask, logit_shift: usize) -> Layout {
        let (context, block_size, copies, batch, masked_id) = (8, 4, 2, 3, 9);
        Layout { mask, logit_shift, context, block_size, copies, batch, masked_id }
    }

    fn pattern(weights: &[f64]) -> Pattern {
        Pattern { draw: 0, weights: weights.into(), noise: 1.0 }
    }

    #[test]
    fn a_noisy_row_sees_earlier_clean_blocks_and_its_own_noisy_one() {
        let rows = layout(Mask::blocks(4), 0).copy_rows(
            1,
            2,
            &[5, 5, 5, 5, 6, 6],
            &pattern(&[0.0, 1.0, 0.0, 0.0, 0.0, 2.0]),
        );
        // Clean sequence 2 begins at slot 16, copy 1 at 24 + 8.
        assert_eq!(rows[1], Row { id: 9, position: 1, slot: 33, spans: [16, 16, 32, 36] });
        assert_eq!(rows[4], Row { id: 6, position: 4, slot: 36, spans: [16, 20, 36, 38] });
        assert_eq!((rows.len(), rows[7]), (8, Row::idle(39)));
    }

    #[test]
    fn blocks_leave_out_what_is_given() {
        let layout_of_four = layout(Mask::blocks(4), 0);
        assert_eq!(
            layout_of_four.blocks(6, layout_of_four.n_given(FirstToken::Given)),
            [1..4, 4..6]
        );
        let only = |block: Range<usize>| vec![block];
        assert_eq!(
            layout_of_four.blocks(8, 5),
            only(5..8),
            "a prompt's tail is seen, never masked"
        );
        assert_eq!(layout_of_four.on_grid(3).blocks(8, 5), only(5..8), "blocks end at 1, 5, 9");
        assert_eq!(layout_of_four.on_grid(3).block_of(5), 2);
        let single = Layout { block_size: 1, ..layout(Mask::Before, 1) };
        assert_eq!(single.blocks(3, single.n_given(FirstToken::Counted)), [1..2, 2..3]);
    }

    #[test]
    fn rows_that_speak_of_the_next_token_lead_to_a_blocks_first() {
        let shifted = layout(Mask::blocks(4), 1);
        let given = shifted.n_given(FirstToken::Counted);
        assert_eq!(shifted.blocks(8, given), [1..4, 5..8]);
        assert_eq!((shifted.leads(8, given), shifted.leads(8, 5)), (vec![4], vec![]));
        let rows = shifted.copy_rows(0, 0, &[1, 2, 3, 4], &pattern(&[0.0, 1.0, 0.0, 0.0]));
        assert_eq!(rows[1].id, 9, "it is masked, and the row before it is its own block's");
        let targets = shifted.targets(0, &[1, 2, 3, 4], &pattern(&[0.0, 1.0, 0.0, 0.0]));
        assert_eq!(targets, [Target { row: 0, token: 2 }]);
        assert!(layout(Mask::Before, 1).leads(8, 1).is_empty());
    }

    #[test]
    fn an_autoregressive_row_predicts_the_next_token() {
        let layout = Layout { block_size: 1, ..layout(Mask::Before, 1) };
        let (ids, pattern) = ([3, 4, 5], pattern(&[0.0, 1.0, 1.0]));
        let targets = layout.targets(1, &ids, &pattern);
        assert_eq!(targets, [Target { row: 8, token: 4 }, Target { row: 9, token: 5 }]);
        let rows = layout.copy_rows(1, 0, &ids, &pattern);
        assert_eq!((rows[1].id, rows[1].spans), (4, [8, 10, 8, 8]), "nothing is masked");
    }
}
