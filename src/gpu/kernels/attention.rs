//! Which attention of a GPU runs.

use crate::gpu::device::Gpu;
use crate::gpu::memory::EIGHT;

/// A tile of `attention_tiled`: rows of one head, and what its workgroup holds of them.
pub(crate) struct AttentionTile {
    pub(crate) rows: usize,
    /// Vectors of 16 keys.
    pub(crate) staged: usize,
    /// Scores of the rows with 16 keys, each row padded.
    pub(crate) scores: usize,
}

/// The tile for groups of `group` rows, where tiles are taken: for whole sequences, since few rows
/// would leave most of a GPU idle.
pub(crate) fn attention_tile(gpu: &Gpu, group: usize, head_width: usize) -> Option<AttentionTile> {
    const MIN_ROWS: usize = 64;
    let fits = group >= MIN_ROWS && matches!(head_width, 16 | 32 | 64 | 128);
    if !gpu.kernels().is_for_gpus() || !fits {
        return None;
    }
    let rows = 128 / (head_width / 16);
    let tile = AttentionTile { rows, staged: 4 * head_width, scores: 17 * rows };
    // The queries, the keys, the scores and the union of the spans.
    let bytes = 16 * (512 + tile.staged + 1) + 4 * tile.scores;
    let limit = gpu.device().limits().max_compute_workgroup_storage_size;
    (bytes <= limit as usize).then_some(tile)
}

/// Whether `attention_split` can run, which heads hundreds of channels wide leave no room for.
pub(crate) fn split_fits(gpu: &Gpu, head_width: usize) -> bool {
    // The queries of four rows, and the scores, slots and sums of 128 lanes.
    let bytes = 16 * head_width + (3 * 16 + 4) * 128.max(head_width / EIGHT) + 16;
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
