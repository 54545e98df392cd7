//! Which product of few rows runs on a GPU.

use crate::gpu::device::Gpu;
use crate::gpu::kernels::table::RowsProduct;
use crate::gpu::kernels::tiling::{NormForm, Normed, Tiling};
use crate::gpu::memory::EIGHT;

/// Whether a product with N outputs goes along the weights. With the vocabulary's many outputs tiles fill
/// a GPU sooner: on an H200 from some 40 rows on.
pub(super) fn is_few(gpu: &Gpu, rows: usize, n: usize) -> bool {
    const MANY_OUTPUTS: usize = 1 << 15;
    let most = gpu.tuning().few_rows;
    rows <= if n < MANY_OUTPUTS { most } else { most.min(32) }
}

/// The product of few rows with a weight `[N, K]`.
pub(super) fn rows_tiling(
    gpu: &Gpu,
    rows: usize,
    [n, k]: [usize; 2],
    product: &'static RowsProduct,
) -> Tiling {
    let height = height(gpu, rows);
    let meeting = height.min(8);
    let memory = gpu.device().limits().max_compute_workgroup_storage_size as usize;
    // Many workgroups keep a GPU busy with fewer lanes, whose sums meet sooner: on an H200 16 rows
    // of the head take 81 microseconds with 32 lanes and 113 with 96, but of attention's output 6.5
    // and 5.5. The number of rows plays no part, so that sums do not depend on it.
    let wanted = if n >= 4096 { (k / EIGHT).div_ceil(3) } else { k / EIGHT };
    let overrides = |others: usize| {
        // Every lane keeps a vector of sums for each row that meets in workgroup memory, beside 16 pivots.
        let fit = (memory - 64) / (16 * (meeting + others)) / 32 * 32;
        let most = wanted.next_multiple_of(32).min(gpu.tuning().lanes).min(fit).max(32);
        let steps = (k / EIGHT).div_ceil(most);
        let lanes = (k / EIGHT).div_ceil(steps).next_multiple_of(32);
        let steps = (k / EIGHT).div_ceil(lanes);
        let numbers = [
            ("LANES", lanes),
            ("STEPS", steps),
            ("HEIGHT", height),
            ("MEETING", meeting),
            ("PARTIAL", (meeting + others) * lanes),
        ];
        numbers.map(|(name, number)| (name, number as f64)).to_vec()
    };
    // The tiles of a column would each compute the norm anew: on an H200, in two tiles, the product of 16
    // normalised rows with the weight of Q, K and V takes 17 microseconds, of 8 rows 11, without a norm 9
    // and 7.
    let normed = |form, kernel, others, beside: u32| Normed {
        form,
        kernel,
        overrides: overrides(others),
        buffers: product.buffers + beside,
    };
    let layer = |kernel| normed(NormForm::Layer, kernel, meeting / 2 + 2, 2);
    let rms = || normed(NormForm::Rms, &product.rms, meeting / 4, 1);
    let both = || product.layer.map(layer).into_iter().chain([rms()]).collect();
    let normed = if rows <= height { both() } else { Vec::new() };
    Tiling { kernel: &product.given, rows: height, columns: 4, overrides: overrides(0), normed }
}

/// Rows of a tile of few rows: equal parts of them, in fours. With fewer tiles each weight is read less
/// often, with more of them more of a GPU is busy: which is faster was not measured yet, and
/// [`crate::gpu::Tuning::height`] decides.
fn height(gpu: &Gpu, rows: usize) -> usize {
    let tiles = rows.div_ceil(gpu.tuning().height).max(1);
    rows.div_ceil(tiles).next_multiple_of(4).max(4)
}
