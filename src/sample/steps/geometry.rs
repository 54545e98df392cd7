//! How a sequence is cut into what is generated at a time, for each kind of model. Knows no
//! request and no device.

use crate::model::{Mask, Ring, Spec};

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
}

/// What a row of a block sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Its own block and those before it, as far as the window reaches: they are cached.
    Before,
    /// Its own block alone, all of it.
    Own,
}

impl Geometry {
    /// How a model generates a sequence of `length` tokens: BD3-LMs in blocks (the checkpoint's
    /// unless given), autoregressive models token by token, MDLM and SEDD a window at once; beyond
    /// it the window moves by half of itself.
    pub fn new(spec: &Spec, length: usize, block_size: Option<usize>) -> Geometry {
        match spec.mask(block_size) {
            Mask::Blocks { size, .. } => {
                // Other sizes are refused with words elsewhere.
                Geometry::of_blocks(size.min(spec.window).max(1), spec.logit_shift)
            }
            Mask::Before => Geometry::of_blocks(1, spec.logit_shift),
            Mask::All => {
                let size = length.clamp(1, spec.window);
                let is_one = length <= spec.window;
                let stride = if is_one { size } else { (size / 2).max(1) };
                let last_start = length.saturating_sub(size);
                Geometry { block_size: size, stride, lag: 0, sight: Sight::Own, last_start }
            }
        }
    }

    fn of_blocks(size: usize, lag: usize) -> Geometry {
        let (sight, last_start) = (Sight::Before, usize::MAX);
        Geometry { block_size: size, stride: size, lag, sight, last_start }
    }

    /// Index of the block that comes after `n_tokens` finished ones.
    pub fn block_idx(&self, n_tokens: usize) -> usize {
        match n_tokens.checked_sub(self.block_size) {
            Some(beyond) => beyond / self.stride + 1,
            None => 0,
        }
    }

    /// First position of a block.
    pub fn start(&self, block_idx: usize) -> usize {
        (block_idx * self.stride).min(self.last_start)
    }

    /// First position of a block that is in no block before it.
    pub fn own_start(&self, block_idx: usize) -> usize {
        let shared = if block_idx > 0 { self.block_size - self.stride } else { 0 };
        block_idx * self.stride + shared
    }

    /// Blocks that a ring has room for: those of the window, and those that one pass may store.
    pub fn ring(&self, spec: &Spec, storable: usize) -> Ring {
        let (window, capacity) = match self.sight {
            Sight::Own => (1, 1),
            Sight::Before => {
                let window = spec.window / self.block_size;
                (window, window + storable)
            }
        };
        Ring { base: 0, block_size: self.block_size, window, capacity }
    }

    /// What rows of a block see of a ring.
    pub fn spans(&self, ring: Ring, block_idx: usize) -> [usize; 4] {
        match self.sight {
            Sight::Before => ring.spans(block_idx),
            Sight::Own => [ring.base, ring.base + ring.slots(), ring.base, ring.base],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_overlap_share_their_first_cells() {
        let g = Geometry { block_size: 8, stride: 4, lag: 0, sight: Sight::Own, last_start: 6 };
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
}
