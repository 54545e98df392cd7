//! Which attention of a GPU runs.

use crate::gpu::device::{Gpu, Tuning};
use crate::gpu::memory::EIGHT;

/// A tile of `attention_tiled`: rows of one head, and the vectors that its workgroup holds.
pub(crate) struct AttentionTile {
    pub(crate) rows: usize,
    /// Of the rows, padded.
    pub(crate) queries: usize,
    /// Of 32 keys, padded.
    pub(crate) staged: usize,
    /// Of the weights of four rows each with 32 keys, padded.
    pub(crate) weights: usize,
}

/// The tile for groups of `group` rows, where tiles are taken: for whole sequences, since few rows
/// would leave most of a GPU idle. On an H200 tiles of 32 rows were faster than those of 16 and 64.
pub(crate) fn attention_tile(gpu: &Gpu, group: usize, head_width: usize) -> Option<AttentionTile> {
    const MIN_ROWS: usize = 64;
    let fits = group >= MIN_ROWS && matches!(head_width, 32 | 64 | 128);
    if !gpu.kernels().is_for_gpus() || !fits {
        return None;
    }
    let limit = gpu.device().limits().max_compute_workgroup_storage_size as usize;
    let tile = |rows: usize| {
        let (queries, staged) = (rows * (head_width / 4 + 1), 32 * (head_width / 4 + 1));
        AttentionTile { rows, queries, staged, weights: 32 * (rows / 4 + 1) }
    };
    // And two vectors of each row, the spans of 64 rows, two spans of all.
    let bytes = |tile: &AttentionTile| {
        16 * (tile.queries + tile.staged + tile.weights + 2 * tile.rows + 64 + 2)
    };
    [32, 16].into_iter().map(tile).find(|tile| bytes(tile) <= limit)
}

/// Shares that the keys of few rows are split into, where a row sees at most so many keys: as was chosen,
/// else one, whose workgroup goes through all keys, unless they are thousands. From how many keys on
/// shares are faster was not measured.
pub(crate) fn key_shares(gpu: &Gpu, keys: usize) -> usize {
    const MOST_JOINED: usize = 2048;
    let suited = || if keys <= MOST_JOINED { 1 } else { Tuning::MAX_SHARES };
    gpu.tuning().shares.unwrap_or_else(suited)
}

/// Lanes of `attention_joined`, where it can run.
pub(crate) fn joined_lanes(gpu: &Gpu, head_width: usize) -> Option<usize> {
    let team = head_width / EIGHT;
    // The queries of four rows, scores and slots of four keys of a lane, 16 parts, the spans of 64 rows.
    let bytes = |lanes: usize| 16 * head_width + 4 * (16 + 4) * lanes + 16 * (16 + 64 + 2);
    let limit = gpu.device().limits().max_compute_workgroup_storage_size as usize;
    let fits = |lanes: &usize| *lanes >= 16 && bytes(*lanes) <= limit;
    let lanes = [256, 128].map(|most| most / team * team).into_iter().find(fits);
    lanes.filter(|_| gpu.kernels().is_for_gpus())
}

/// Whether `attention_split` can run, which heads hundreds of channels wide leave no room for.
pub(crate) fn split_fits(gpu: &Gpu, head_width: usize) -> bool {
    // The queries of four rows, the scores, slots and sums of 128 lanes, those of 8 again, the spans
    // of 64 rows.
    let bytes = 16 * head_width + (3 * 16 + 4) * 128.max(head_width / EIGHT) + 16 * (64 + 2 + 8);
    let limit = gpu.device().limits().max_compute_workgroup_storage_size;
    gpu.kernels().is_for_gpus() && bytes <= limit as usize
}

/// A tile of the backward attention of GPUs: rows that a workgroup owns, and rows of the other side that
/// it holds at a time.
pub(crate) struct BackwardTile {
    pub(crate) rows: usize,
    pub(crate) keys: usize,
    /// Invocations of a workgroup.
    pub(crate) lanes: usize,
}

/// The largest tile for which a workgroup has room; the smallest where none is said to fit.
pub(crate) fn backward_tile(gpu: &Gpu, head_width: usize) -> BackwardTile {
    const SIZES: [(usize, usize); 6] = [(32, 16), (16, 16), (16, 8), (8, 8), (4, 4), (2, 2)];
    let limits = gpu.device().limits();
    let tile = |(rows, keys)| BackwardTile { rows, keys, lanes: rows * head_width / EIGHT };
    let fits = |tile: &BackwardTile| {
        let BackwardTile { rows, keys, lanes } = *tile;
        // Two tensors of both sides, two squares of scores, and a few numbers of each row and lane.
        let bytes = 8 * head_width * (rows + keys) + 8 * rows * (keys + 1) + 8 * rows + 4 * lanes;
        bytes + 16 <= limits.max_compute_workgroup_storage_size as usize
            && lanes <= limits.max_compute_invocations_per_workgroup.min(256) as usize
    };
    let [.., smallest] = SIZES;
    SIZES.into_iter().map(tile).find(fits).unwrap_or_else(|| tile(smallest))
}
