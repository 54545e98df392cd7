//! What a run leaves for the next one: buffers, and keys and values of blocks that both begin with.

use std::sync::Arc;

use crate::model::Network;
use crate::sample::run::capacity::Capacity;
use crate::sample::run::denoiser::Denoiser;
use crate::sample::run::lane::Lane;

/// What a run of one sample leaves, see [`crate::sample::Run::keep`].
pub struct Kept {
    pub(super) denoiser: Denoiser,
    pub(super) capacity: Capacity,
    pub(super) stored: Stored,
}

/// Tokens whose keys and values are stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    ids: Vec<u32>,
    /// Blocks of them.
    blocks: usize,
    /// Cells by which the first block is shorter.
    offset: usize,
}

impl Kept {
    /// True if a request of this capacity on this network can go on with it.
    pub(super) fn fits(&self, network: &Arc<Network>, capacity: &Capacity) -> bool {
        let same_grid = Capacity { geometry: self.capacity.geometry, ..*capacity };
        Arc::ptr_eq(self.denoiser.network(), network) && same_grid == self.capacity
    }
}

impl Stored {
    /// What a sample stored.
    pub(super) fn of(lane: &Lane, offset: usize) -> Stored {
        Stored { ids: lane.ids.clone(), blocks: lane.stored, offset }
    }

    /// Blocks that a sequence which begins with these tokens has in common.
    pub(super) fn common_blocks(&self, ids: &[u32], capacity: &Capacity) -> usize {
        if self.offset != capacity.geometry.offset {
            return 0;
        }
        let common = self.ids.iter().zip(ids).take_while(|(a, b)| a == b).count();
        // The last block of a prompt is never taken as stored: what comes after it may need its rows.
        let most = capacity.geometry.block_idx(ids.len()).saturating_sub(1);
        ((common + self.offset) / capacity.block_size).min(self.blocks).min(most)
    }
}
