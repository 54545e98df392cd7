//! Which matrix product runs.

use crate::gpu::device::{Gpu, KernelFamily, Memory};
use crate::gpu::kernels::rows::{is_few, rows_tiling};
use crate::gpu::kernels::table::{
    MATMUL_MANY, MATMUL_MANY_GATED, MATMUL_OUTER, MATMUL_OUTER_FEW, MATMUL_PLAIN, MATMUL_ROWS,
    MATMUL_ROWS_GATED, MATMUL_ROWS_QKV, OuterProduct,
};
use crate::gpu::kernels::tiles::many_tiling;
use crate::gpu::kernels::tiling::{NormForm, Tiling};
use crate::gpu::memory::{DType, Override};
use crate::gpu::plan::KernelSource;

/// The matrix product for `rows` rows and a weight `[N, K]`.
pub(crate) fn matmul_tiling(
    gpu: &Gpu,
    rows: usize,
    ([n, k], dtype): ([usize; 2], DType),
    output: Memory,
) -> Tiling {
    match gpu.kernels() {
        KernelFamily::Outer => outer_tiling(gpu, rows, [n, k], |product| product.matrix.of(output)),
        KernelFamily::Plain => Tiling::plain(&MATMUL_PLAIN, [4, 32], Vec::new()),
        _ if is_few(gpu, rows, n) => rows_tiling(gpu, rows, [n, k], &MATMUL_ROWS),
        _ => many_tiling(gpu, rows, (n, dtype), &MATMUL_MANY),
    }
}

/// The product of `rows` rows with the gates of an MLP and what they let through, a weight `[N, K]`, that
/// also opens and closes the gates, where there is one.
pub(crate) fn gated_tiling(
    gpu: &Gpu,
    rows: usize,
    ([n, k], dtype): ([usize; 2], DType),
) -> Option<Tiling> {
    match gpu.kernels().is_for_gpus() {
        false => None,
        true if is_few(gpu, rows, n) => Some(rows_tiling(gpu, rows, [n, k], &MATMUL_ROWS_GATED)),
        true => Some(many_tiling(gpu, rows, (n, dtype), &MATMUL_MANY_GATED)),
    }
}

/// The outer product for `rows` rows and a weight `[N, K]`, with its sums stored as `kernel` chooses.
///
/// On lavapipe taller and wider tiles do more per load (on 8 lanes 27, 37 and 44 GFLOP/s a core for 4,
/// 8 and 16 rows and eight columns of each lane, 25, 31 and 40 for four columns; 16 columns gain nothing
/// more) but compile longer, the widest a second for each shape: too long for the passes of a small
/// model.
fn outer_tiling(
    gpu: &Gpu,
    rows: usize,
    [n, k]: [usize; 2],
    kernel: impl FnOnce(&'static OuterProduct) -> &'static KernelSource,
) -> Tiling {
    let lanes = gpu.subgroup_lanes();
    let is_wide = n.min(k) >= 512;
    let columns = if is_wide { 8 * lanes } else { 4 * lanes };
    let mut overrides = vec![("LANES", lanes as f64), ("WIDE", f64::from(is_wide))];
    let (product, rows) = if rows <= lanes / 2 {
        overrides.push(("HEIGHT", rows as f64));
        (&MATMUL_OUTER_FEW, lanes / 2)
    } else {
        let is_tall = rows > 8;
        overrides.push(("TALL", f64::from(is_tall)));
        (&MATMUL_OUTER, if is_tall { 16 } else { 8 })
    };
    Tiling::plain(kernel(product), [rows, columns], overrides)
}

/// The product that also rotates and stores queries, keys and values of heads of that width, where
/// there is one. Outer products have one for heads as wide as their wide tiles, or half as wide, on
/// devices that can bind five storage textures, and for rows that fill tiles: any number of few rows, or
/// whole tiles. GPUs have one for few rows.
pub(crate) fn qkv_tiling(
    gpu: &Gpu,
    rows: usize,
    weight: ([usize; 2], DType),
    head_width: usize,
) -> Option<Tiling> {
    match gpu.kernels() {
        KernelFamily::Outer => {
            let tiling = matmul_tiling(gpu, rows, weight, Memory::Buffer);
            let lanes = gpu.subgroup_lanes();
            let is_whole = rows <= lanes / 2 || rows.is_multiple_of(tiling.rows);
            let is_head = head_width == 64 && tiling.columns == 8 * lanes;
            let textures = gpu.device().limits().max_storage_textures_per_shader_stage;
            let runs = is_whole && is_head && textures >= 5;
            runs.then(|| outer_tiling(gpu, rows, weight.0, |product| &product.qkv))
        }
        family if family.is_for_gpus() && is_few(gpu, rows, weight.0[0]) => {
            let mut tiling = rows_tiling(gpu, rows, weight.0, &MATMUL_ROWS_QKV);
            let normed = tiling.normed.iter_mut().map(|normed| &mut normed.overrides);
            normed.chain([&mut tiling.overrides]).for_each(|o| o.push(("ROWS", rows as f64)));
            Some(tiling)
        }
        _ => None,
    }
}

/// A tiling's product with a fused norm and its own overrides, where there is one and the device can
/// bind all of it.
pub(crate) fn fused_norm<'a>(
    gpu: &Gpu,
    tiling: &'a Tiling,
    form: NormForm,
) -> Option<(&'static KernelSource, &'a [Override])> {
    let limit = gpu.device().limits().max_storage_buffers_per_shader_stage;
    let normed = tiling.normed.iter().find(|normed| normed.form == form)?;
    let is_fused = gpu.tuning().fused_norms && normed.buffers <= limit;
    is_fused.then_some((normed.kernel, &normed.overrides))
}
