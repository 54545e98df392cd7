//! Which products of the backward pass run.

use crate::gpu::device::{Gpu, KernelFamily, Memory};
use crate::gpu::kernels::backward::{MATMUL_OUTER_TRANSPOSED, MATMUL_TRANSPOSED};
use crate::gpu::kernels::tiling::Tiling;

/// Shortest side of a weight from which outer products take eight columns of each lane: that compiles a
/// second for each shape, which is worth it where a network is trained.
const MIN_WIDE: usize = 128;

/// The product of `rows` rows with a weight `[N, K]` that is stored the other way round.
pub(crate) fn transposed_tiling(
    gpu: &Gpu,
    rows: usize,
    [n, k]: [usize; 2],
    output: Memory,
) -> Tiling {
    if gpu.kernels() != KernelFamily::Outer {
        return Tiling::plain(&MATMUL_TRANSPOSED, [64, 64], Vec::new());
    }
    let (is_wide, is_tall) = (n.min(k) >= MIN_WIDE, rows > 8);
    let lanes = gpu.subgroup_lanes();
    let sides = [if is_tall { 16 } else { 8 }, if is_wide { 8 * lanes } else { 4 * lanes }];
    let flags = [("WIDE", f64::from(is_wide)), ("TALL", f64::from(is_tall))];
    let overrides = [("LANES", lanes as f64)].into_iter().chain(flags).collect();
    Tiling::plain(MATMUL_OUTER_TRANSPOSED.of(output), sides, overrides)
}

/// The kernel of a weight's gradient.
pub(crate) enum GradientTiling {
    /// An outer product, and the columns that a workgroup computes of 16 rows.
    Outer { is_wide: bool, columns: usize },
    /// 64 x 64 tiles, and the rows of a share: the rows are cut into shares so that there are some
    /// hundred workgroups, which keep a GPU busy.
    Tiled { share: usize },
}

/// How the gradient of a weight `[N, K]` is computed from `rows` rows.
pub(crate) fn gradient_tiling(gpu: &Gpu, rows: usize, [n, k]: [usize; 2]) -> GradientTiling {
    const WORKGROUPS: usize = 1024;
    const MIN_SHARE: usize = 128;
    const MAX_PARTIALS: usize = 1 << 24;
    if gpu.kernels() == KernelFamily::Outer {
        let is_wide = n.min(k) >= MIN_WIDE;
        let columns = if is_wide { 8 } else { 4 } * gpu.subgroup_lanes();
        return GradientTiling::Outer { is_wide, columns };
    }
    let most = (WORKGROUPS / (n.div_ceil(64) * k.div_ceil(64))).min(MAX_PARTIALS / (n * k));
    let shares = rows.div_ceil(MIN_SHARE).min(most).max(1);
    GradientTiling::Tiled { share: rows.div_ceil(shares).next_multiple_of(16) }
}
