//! How a sequence is cut into what is generated at a time, for each kind of model. Knows no
//! request and no device.

use crate::model::{Grid, Mask, Objective, Ring, Spec};

/// The blocks of a sequence. Block number b holds `block_size` cells from position `b * stride` on;
/// where the stride is smaller, the first cells of a block are the last ones of the blocks before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Cells that are generated at a time.
    pub block_size: usize,
    /// Positions from one block to the next.
    pub stride: usize,
    /// A row predicts the token so many positions on: 1 for autoregressive models.
    pub lag: usize,
    /// What rows see.
    pub sight: Sight,
    /// Where the last block may begin at most: it does not reach beyond the sequence.
    pub last_start: usize,
    /// Rows by which the row that speaks of a cell comes before the cell's own, inside a block. The
    /// block's first token then comes of the row before the block.
    pub shift: usize,
    /// Cells by which the first block is shorter: the grid of blocks begins before the sequence.
    pub offset: usize,
    /// Where the sequence ends, for grids whose last block may be shorter. Others have whole blocks,
    /// of which the last may reach beyond the sequence.
    pub end: usize,
}

/// A cell of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its position in the sequence; none before its beginning and behind its end.
    pub position: Option<usize>,
    /// Its index on the grid, which decides where its key and value go.
    pub index: usize,
}

/// What a row of a block sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Its own block and those before it, as far as the window reaches: they are cached.
    Before,
    /// Its own block alone, all of it.
    Own,
    /// Its own block and a context before it, which sees the block too: nothing is cached.
    Context,
}

impl Geometry {
    /// How a model generates a sequence of `length` tokens: BD3-LMs and SSD-LM in blocks (the
    /// checkpoint's unless given), autoregressive models token by token, MDLM and SEDD a window at once; beyond
    /// it the window moves by half of itself.
    pub fn new(spec: &Spec, length: usize, block_size: Option<usize>) -> Geometry {
        if let Objective::Simplex { size } = spec.objective {
            let size = block_size.unwrap_or(size).clamp(1, spec.window);
            return Geometry { sight: Sight::Context, ..Geometry::of_blocks(size, 0) };
        }
        match spec.mask(block_size) {
            Mask::Blocks { size, .. } => {
                // Other sizes are refused with words elsewhere.
                let size = size.min(spec.window).max(1);
                Geometry { shift: spec.logit_shift, ..Geometry::of_blocks(size, 0) }
            }
            Mask::Before => Geometry::of_blocks(1, spec.logit_shift),
            Mask::All => {
                let size = length.clamp(1, spec.window);
                let is_one = length <= spec.window;
                let stride = if is_one { size } else { (size / 2).max(1) };
                let last_start = length.saturating_sub(size);
                let sight = Sight::Own;
                Geometry { stride, sight, last_start, ..Geometry::of_blocks(size, 0) }
            }
        }
    }

    fn of_blocks(size: usize, lag: usize) -> Geometry {
        let (sight, last_start, end) = (Sight::Before, usize::MAX, usize::MAX);
        Geometry {
            block_size: size,
            stride: size,
            lag,
            sight,
            last_start,
            shift: 0,
            offset: 0,
            end,
        }
    }

    /// The grid for a prompt of so many tokens and a sequence of `length`: where the model's begins
    /// with the prompt's end, a block ends there, and the last block with the sequence.
    #[must_use]
    pub fn with_prompt(self, grid: Grid, n_prompt: usize, length: usize) -> Geometry {
        match (grid, self.sight) {
            (Grid::Prompt, Sight::Before) => {
                let offset = n_prompt.next_multiple_of(self.block_size) - n_prompt;
                Geometry { offset, end: length, ..self }
            }
            // Blocks are whole: the network knows no others.
            (Grid::Prompt, Sight::Context) => {
                let offset = n_prompt.next_multiple_of(self.block_size) - n_prompt;
                Geometry { offset, ..self }
            }
            _ => self,
        }
    }

    /// Index of the block that comes after `n_tokens` finished ones.
    pub fn block_idx(&self, n_tokens: usize) -> usize {
        match (n_tokens + self.offset).checked_sub(self.block_size) {
            Some(beyond) => beyond / self.stride + 1,
            None => 0,
        }
    }

    /// First position of a block.
    pub fn start(&self, block_idx: usize) -> usize {
        (block_idx * self.stride).min(self.last_start).saturating_sub(self.offset)
    }

    /// The cells of a block.
    pub fn places(&self, block_idx: usize) -> impl Iterator<Item = Place> + use<> {
        let (first, offset, end) =
            ((block_idx * self.stride).min(self.last_start), self.offset, self.end);
        (first..first + self.block_size).map(move |index| {
            let position = index.checked_sub(offset).filter(|&position| position < end);
            Place { position, index }
        })
    }

    /// First position of a block that is in no block before it.
    pub fn own_start(&self, block_idx: usize) -> usize {
        let shared = if block_idx > 0 { self.block_size - self.stride } else { 0 };
        (block_idx * self.stride + shared).saturating_sub(self.offset)
    }

    /// Behind the last position of a block.
    pub fn block_end(&self, block_idx: usize) -> usize {
        let start = (block_idx * self.stride).min(self.last_start);
        (start + self.block_size - self.offset).min(self.end)
    }

    /// Blocks that a ring has room for: those of the window, and those that one pass may store; not
    /// more than a sequence of `length` tokens has, where the window does not slide.
    pub fn ring(&self, spec: &Spec, storable: usize, length: usize) -> Ring {
        let (window, capacity) = match self.sight {
            Sight::Own | Sight::Context => (1, 1),
            Sight::Before => {
                let window = spec.window / self.block_size;
                // The first block may be shorter.
                let needed = length.div_ceil(self.block_size) + 1;
                match spec.slides() {
                    true => (window, window + storable),
                    false => (window.min(needed), (window + storable).min(needed)),
                }
            }
        };
        Ring { base: 0, block_size: self.block_size, window, capacity }
    }

    /// What rows of a block see of a ring.
    pub fn spans(&self, ring: Ring, block_idx: usize) -> [usize; 4] {
        match self.sight {
            Sight::Before => self.cut(ring.spans(block_idx), ring, block_idx),
            Sight::Own | Sight::Context => {
                [ring.base, ring.base + ring.slots(), ring.base, ring.base]
            }
        }
    }
}

impl Geometry {
    /// Spans without the cells before the sequence and behind its end.
    fn cut(&self, spans: [usize; 4], ring: Ring, block_idx: usize) -> [usize; 4] {
        let [mut begin, mut end, second, mut last] = spans;
        if ring.first_visible(block_idx) == 0 {
            begin += self.offset;
        }
        let behind = ((block_idx + 1) * self.block_size)
            .saturating_sub(self.end.saturating_add(self.offset));
        match last > second {
            true => last -= behind,
            false => end -= behind,
        }
        [begin, end, second, last]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_overlap_share_their_first_cells() {
        let of_eight = Geometry::of_blocks(8, 0);
        let g = Geometry { stride: 4, sight: Sight::Own, last_start: 6, ..of_eight };
        let blocks: Vec<usize> = [0, 7, 8, 11, 12, 20].map(|n| g.block_idx(n)).into();
        assert_eq!(blocks, [0, 0, 1, 1, 2, 4]);
        let starts = [0, 1, 2].map(|b| (g.start(b), g.own_start(b)));
        assert_eq!(starts, [(0, 0), (4, 8), (6, 12)], "the last ends with the sequence");
    }

    #[test]
    fn blocks_that_do_not_overlap_follow_each_other() {
        let g = Geometry::of_blocks(4, 0);
        let blocks: Vec<usize> = [0, 3, 4, 7, 8].map(|n| g.block_idx(n)).into();
        assert_eq!(blocks, [0, 0, 1, 1, 2]);
        assert_eq!((g.start(3), g.own_start(3)), (12, 12));
    }

    #[test]
    fn a_grid_from_the_prompts_end_has_a_short_first_and_last_block() {
        let g = Geometry::of_blocks(8, 0).with_prompt(Grid::Prompt, 19, 30);
        assert_eq!((g.offset, g.block_idx(19), g.start(3), g.block_end(3)), (5, 3, 19, 27));
        assert_eq!((g.start(0), g.block_end(0), g.own_start(1), g.block_end(4)), (0, 3, 3, 30));
        let ring = Ring { base: 100, block_size: 8, window: 5, capacity: 5 };
        assert_eq!(g.spans(ring, 0), [105, 108, 100, 100]);
        assert_eq!(g.spans(ring, 3), [105, 132, 100, 100]);
        assert_eq!(g.spans(ring, 4), [105, 135, 100, 100], "nothing behind the end is seen");
        let first: Vec<_> = g.places(0).map(|place| (place.position, place.index)).collect();
        assert_eq!((first[4], first[5], first[7]), ((None, 4), (Some(0), 5), (Some(2), 7)));
        let last: Vec<_> = g.places(4).map(|place| place.position).collect();
        assert_eq!((last[2], last[3]), (Some(29), None));
        let same = Geometry::of_blocks(8, 0).with_prompt(Grid::Sequence, 19, 30);
        assert_eq!(same, Geometry::of_blocks(8, 0));
    }
}
