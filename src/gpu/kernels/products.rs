//! Which matrix product runs.

use crate::gpu::device::{Gpu, KernelFamily, Memory};
use crate::gpu::kernels::table::{
    MATMUL_COOPERATIVE, MATMUL_OUTER, MATMUL_OUTER_FEW, MATMUL_OUTER_TRANSPOSED, MATMUL_PLAIN,
    MATMUL_ROWS, MATMUL_ROWS_NORMED, MATMUL_ROWS_RMS, MATMUL_TILED, MATMUL_TILED_TRANSPOSED,
    OuterProduct,
};
use crate::gpu::memory::{DType, Override, Weight};
use crate::gpu::plan::KernelSource;

/// A matrix product's kernel and the rows and columns that one of its workgroups computes.
pub(crate) struct Tiling {
    pub(crate) kernel: &'static KernelSource,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Overrides of this kernel alone.
    pub(crate) overrides: Vec<Override>,
    /// The same product with a norm of its rows fused.
    normed: Option<[Normed; 2]>,
}

/// What a fused norm does to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NormForm {
    /// Mean 0 and variance 1.
    Layer,
    /// Mean square 1.
    Rms,
}

/// A product with a fused norm, and the storage buffers that it binds.
struct Normed {
    form: NormForm,
    kernel: &'static KernelSource,
    buffers: u32,
}

impl Normed {
    /// Both forms; the RMS norm has no modulation to bind.
    fn both(kernels: [&'static KernelSource; 2], buffers: u32) -> Option<[Normed; 2]> {
        let [layer, rms] = kernels;
        Some([
            Normed { form: NormForm::Layer, kernel: layer, buffers },
            Normed { form: NormForm::Rms, kernel: rms, buffers: buffers - 1 },
        ])
    }
}

/// The matrix product for `rows` rows and a weight.
pub(crate) fn matmul_tiling(gpu: &Gpu, rows: usize, weight: &Weight, output: Memory) -> Tiling {
    if weight.is_transposed() {
        return transposed_tiling(gpu, rows, weight, output);
    }
    let is_few = rows <= gpu.tuning().few_rows;
    // Products with f32 weights are not rounded.
    let units = gpu.units().filter(|_| !is_few && weight.dtype() != DType::F32);
    if let Some(units) = units {
        let (kernel, tile) =
            (&MATMUL_COOPERATIVE[units.size as usize / 16], 4 * units.size as usize);
        let overrides = vec![("LANES", f64::from(4 * units.lanes))];
        return Tiling { overrides, ..tiling(kernel, tile, tile) };
    }
    match (gpu.kernels(), rows) {
        (KernelFamily::Outer, _) => {
            outer_tiling(gpu, rows, weight, |product| product.matrix.of(output))
        }
        (KernelFamily::Plain, _) => tiling(&MATMUL_PLAIN, 4, 32),
        (family, _) if family.is_for_gpus() && is_few => {
            let normed = Normed::both([&MATMUL_ROWS_NORMED.matrix, &MATMUL_ROWS_RMS.matrix], 7);
            Tiling { normed, ..tiling(&MATMUL_ROWS.matrix, 8, 4) }
        }
        (_, _) => tiling(&MATMUL_TILED, 64, 64),
    }
}

fn tiling(kernel: &'static KernelSource, rows: usize, columns: usize) -> Tiling {
    Tiling { kernel, rows, columns, overrides: vec![], normed: None }
}

/// The product with a weight that is stored the other way round: training alone has it, with many rows.
fn transposed_tiling(gpu: &Gpu, rows: usize, weight: &Weight, output: Memory) -> Tiling {
    if gpu.kernels() != KernelFamily::Outer {
        return tiling(&MATMUL_TILED_TRANSPOSED, 64, 64);
    }
    let kernel = MATMUL_OUTER_TRANSPOSED.of(output);
    let (is_wide, is_tall) = (is_wide(weight.shape(), true), rows > 8);
    let lanes = gpu.subgroup_lanes();
    let columns = if is_wide { 8 * lanes } else { 4 * lanes };
    let flags = [("WIDE", f64::from(is_wide)), ("TALL", f64::from(is_tall))];
    let overrides = [("LANES", lanes as f64)].into_iter().chain(flags).collect();
    Tiling { overrides, ..tiling(kernel, if is_tall { 16 } else { 8 }, columns) }
}

/// Whether outer products take eight columns of each lane, which compiles a second for each shape: too
/// long for the passes of a small model, unless it is trained.
fn is_wide([n, k]: [usize; 2], is_trained: bool) -> bool {
    n.min(k) >= if is_trained { 128 } else { 512 }
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
        let is_wide = is_wide([n, k], true);
        let columns = if is_wide { 8 } else { 4 } * gpu.subgroup_lanes();
        return GradientTiling::Outer { is_wide, columns };
    }
    let most = (WORKGROUPS / (n.div_ceil(64) * k.div_ceil(64))).min(MAX_PARTIALS / (n * k));
    let shares = rows.div_ceil(MIN_SHARE).min(most).max(1);
    GradientTiling::Tiled { share: rows.div_ceil(shares).next_multiple_of(16) }
}

/// The outer product for `rows` rows and a weight `[N, K]`, with its sums stored as `kernel` chooses.
///
/// On lavapipe taller and wider tiles do more per load (on 8 lanes 27, 37 and 44 GFLOP/s a core for 4,
/// 8 and 16 rows and eight columns of each lane, 25, 31 and 40 for four columns; 16 columns gain nothing
/// more) but compile longer.
fn outer_tiling(
    gpu: &Gpu,
    rows: usize,
    weight: &Weight,
    kernel: impl FnOnce(&'static OuterProduct) -> &'static KernelSource,
) -> Tiling {
    let lanes = gpu.subgroup_lanes();
    let is_wide = is_wide(weight.shape(), weight.is_trained());
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
    Tiling { kernel: kernel(product), rows, columns, overrides, normed: None }
}

/// The product that also rotates and stores queries, keys and values of heads of that width, where
/// there is one. Outer products have one for heads as wide as their wide tiles, or half as wide, on
/// devices that can bind five storage textures, and for rows that fill tiles: any number of few rows, or
/// whole tiles. GPUs have one for few rows.
pub(crate) fn qkv_tiling(
    gpu: &Gpu,
    rows: usize,
    weight: &Weight,
    head_width: usize,
) -> Option<Tiling> {
    if weight.is_transposed() {
        return None;
    }
    let mut tiling = matmul_tiling(gpu, rows, weight, Memory::Buffer);
    match (gpu.kernels(), tiling.rows) {
        (KernelFamily::Outer, _) => {
            let lanes = gpu.subgroup_lanes();
            let is_whole = rows <= lanes / 2 || rows.is_multiple_of(tiling.rows);
            let is_head = head_width == 64 && tiling.columns == 8 * lanes;
            let textures = gpu.device().limits().max_storage_textures_per_shader_stage;
            let runs = is_whole && is_head && textures >= 5;
            runs.then(|| outer_tiling(gpu, rows, weight, |product| &product.qkv))
        }
        (family, 8) if family.is_for_gpus() => {
            tiling.overrides.push(("ROWS", rows as f64));
            let normed = Normed::both([&MATMUL_ROWS_NORMED.qkv, &MATMUL_ROWS_RMS.qkv], 10);
            Some(Tiling { kernel: &MATMUL_ROWS.qkv, normed, ..tiling })
        }
        _ => None,
    }
}

/// A tiling's product with a fused norm, where there is one and the device can bind all of it.
pub(crate) fn fused_norm(
    gpu: &Gpu,
    tiling: &Tiling,
    form: NormForm,
) -> Option<&'static KernelSource> {
    let limit = gpu.device().limits().max_storage_buffers_per_shader_stage;
    let normed = tiling.normed.iter().flatten().find(|normed| normed.form == form)?;
    (gpu.tuning().fused_norms && normed.buffers <= limit).then_some(normed.kernel)
}
