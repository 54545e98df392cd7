//! Which matrix product runs.

use crate::gpu::device::{Gpu, KernelFamily, MatrixUnits, Memory, Tile};
use crate::gpu::kernels::table::{
    MATMUL_COOPERATIVE, MATMUL_OUTER, MATMUL_OUTER_FEW, MATMUL_PLAIN, MATMUL_ROWS,
    MATMUL_ROWS_NORMED, MATMUL_ROWS_RMS, MATMUL_TILED, OuterProduct, RowsProduct,
};
use crate::gpu::memory::{DType, EIGHT, Override};
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

impl Tiling {
    /// A product that fuses no norm.
    pub(super) fn plain(
        kernel: &'static KernelSource,
        [rows, columns]: [usize; 2],
        overrides: Vec<Override>,
    ) -> Tiling {
        Tiling { kernel, rows, columns, overrides, normed: None }
    }
}

/// What a fused norm does to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NormForm {
    /// Mean 0 and variance 1.
    Layer,
    /// Mean square 1.
    Rms,
}

/// A product with a fused norm.
struct Normed {
    form: NormForm,
    kernel: &'static KernelSource,
    overrides: Vec<Override>,
    /// Storage buffers that it binds.
    buffers: u32,
}

/// The matrix product for `rows` rows and a weight `[N, K]`.
pub(crate) fn matmul_tiling(
    gpu: &Gpu,
    rows: usize,
    ([n, k], dtype): ([usize; 2], DType),
    output: Memory,
) -> Tiling {
    match gpu.kernels() {
        KernelFamily::Outer => outer_tiling(gpu, rows, [n, k], |product| product.matrix.of(output)),
        KernelFamily::Plain => {
            let (kernel, overrides) = (&MATMUL_PLAIN, Vec::new());
            Tiling { kernel, rows: 4, columns: 32, overrides, normed: None }
        }
        _ if is_few(gpu, rows, n) => {
            let kernel = |product: &'static RowsProduct| &product.matrix;
            rows_tiling(gpu, rows, [n, k], (kernel, 7))
        }
        // Products with f32 weights are not rounded.
        _ => match gpu.units().filter(|_| dtype != DType::F32) {
            Some(units) => cooperative_tiling(units),
            None => tiled_tiling(gpu, rows, n),
        },
    }
}

/// Whether a product with N outputs goes along the weights. With the vocabulary's many outputs tiles fill
/// a GPU sooner: on an H200 from some 40 rows on.
fn is_few(gpu: &Gpu, rows: usize, n: usize) -> bool {
    const MANY_OUTPUTS: usize = 1 << 15;
    let most = gpu.tuning().few_rows;
    rows <= if n < MANY_OUTPUTS { most } else { most.min(32) }
}

/// The product of few rows with a weight `[N, K]`, with its sums stored as `kernel` chooses; with a layer
/// norm it binds that many buffers, with an RMS norm, which has no modulation, one less.
fn rows_tiling(
    gpu: &Gpu,
    rows: usize,
    [n, k]: [usize; 2],
    (kernel, buffers): (impl Fn(&'static RowsProduct) -> &'static KernelSource, u32),
) -> Tiling {
    let height = if rows <= 4 { 4 } else { 8 };
    let memory = gpu.device().limits().max_compute_workgroup_storage_size as usize;
    // Many workgroups keep a GPU busy with fewer lanes, whose sums meet sooner: on an H200 16 rows
    // of the head take 81 microseconds with 32 lanes and 113 with 96, but of attention's output 6.5
    // and 5.5. The number of rows plays no part, so that sums do not depend on it.
    let wanted = if n >= 4096 { (k / EIGHT).div_ceil(3) } else { k / EIGHT };
    let overrides = |others: usize| {
        // Every lane keeps a vector of sums for each row in workgroup memory, beside 8 pivots.
        let fit = (memory - 32) / (16 * (height + others)) / 32 * 32;
        let most = wanted.next_multiple_of(32).min(gpu.tuning().lanes).min(fit).max(32);
        let steps = (k / EIGHT).div_ceil(most);
        let lanes = (k / EIGHT).div_ceil(steps).next_multiple_of(32);
        let steps = (k / EIGHT).div_ceil(lanes);
        let partial = (height + others) * lanes;
        [("LANES", lanes), ("STEPS", steps), ("HEIGHT", height), ("PARTIAL", partial)]
            .map(|(name, number)| (name, number as f64))
            .to_vec()
    };
    // The tiles of a column would each compute the norm anew: on an H200 the product of 16 normalised
    // rows with the weight of Q, K and V takes 17 microseconds, of 8 rows 11, without a norm 9 and 7.
    let normed = |form, product, others, buffers| Normed {
        form,
        kernel: kernel(product),
        overrides: overrides(others),
        buffers,
    };
    let both = || {
        [
            normed(NormForm::Layer, &MATMUL_ROWS_NORMED, height / 2 + 2, buffers),
            normed(NormForm::Rms, &MATMUL_ROWS_RMS, height / 4, buffers - 1),
        ]
    };
    let (kernel, overrides) = (kernel(&MATMUL_ROWS), overrides(0));
    let normed = (rows <= height).then(both);
    Tiling { kernel, rows: height, columns: 4, overrides, normed }
}

/// The tile of a product of many rows: the one that was chosen for the device, or the largest of which
/// there are enough. On an H200, with 132 multiprocessors, 384 wide tiles are faster than twice as many
/// small ones, 192 small ones than 96 wide ones, and 96 tiny ones than 24 small ones.
fn tile(gpu: &Gpu, rows: usize, n: usize) -> Tile {
    let count = |tile: Tile| rows.div_ceil(tile.rows()) * n.div_ceil(tile.columns());
    let suited = || match (count(Tile::Wide), count(Tile::Small)) {
        (256.., _) => Tile::Wide,
        (_, 100..) => Tile::Small,
        _ => Tile::Tiny,
    };
    gpu.tuning().tile.unwrap_or_else(suited)
}

fn tiled_tiling(gpu: &Gpu, rows: usize, n: usize) -> Tiling {
    let tile = tile(gpu, rows, n);
    let (rows, columns) = (tile.rows(), tile.columns());
    let staged = |rows: usize, inputs: usize| rows * (inputs / 4 + 1);
    let memory = gpu.device().limits().max_compute_workgroup_storage_size as usize;
    // Inputs of a tile, and slices that share them: the first that fits.
    let choices: &[(usize, usize)] = match tile {
        Tile::Tiny => &[(64, 16), (32, 8)],
        Tile::Small => &[(32, 2), (16, 2)],
        Tile::Wide => &[(16, 1)],
    };
    let fits = |&&(inputs, _): &&(usize, usize)| 16 * staged(rows + columns, inputs) <= memory;
    let (inputs, slices) = choices.iter().find(fits).copied().unwrap_or((16, 1));
    let overrides = [
        ("TILE_M", rows),
        ("TILE_N", columns),
        ("TILE_K", inputs),
        ("SLICES", slices),
        ("LANES", slices * rows * columns / 64),
        ("X_STAGED", staged(rows, inputs)),
        ("W_STAGED", staged(columns, inputs)),
    ];
    let overrides = overrides.map(|(name, number)| (name, number as f64)).to_vec();
    Tiling { kernel: &MATMUL_TILED, rows, columns, overrides, normed: None }
}

/// On an H200 workgroups of 2 x 2 subgroups, whose tiles have 64 x 128 sums, were faster than larger and
/// smaller ones.
fn cooperative_tiling(units: MatrixUnits) -> Tiling {
    const DOWN: usize = 2;
    const ACROSS: usize = 2;
    let (unit, lanes) = (units.size as usize, DOWN * ACROSS * units.lanes as usize);
    let (rows, columns) = (2 * DOWN * unit, 4 * ACROSS * unit);
    // 2 * UNIT inputs, in vectors of four, and two more against bank conflicts.
    let (inputs, staged) = (2 * unit, 2 * unit / 4 + 2);
    let overrides = [
        ("LANES", lanes),
        ("DOWN", DOWN),
        ("ACROSS", ACROSS),
        ("X_FOURS", rows * inputs / 4),
        ("W_EIGHTS", columns * inputs / EIGHT),
        ("X_STAGED", rows * staged),
        ("W_STAGED", columns * staged),
        ("SUMS", DOWN * ACROSS * unit * 2 * unit),
    ];
    let overrides = overrides.map(|(name, number)| (name, number as f64)).to_vec();
    Tiling { kernel: &MATMUL_COOPERATIVE[unit / 16], rows, columns, overrides, normed: None }
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
    Tiling { kernel: kernel(product), rows, columns, overrides, normed: None }
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
            let kernel = |product: &'static RowsProduct| &product.qkv;
            let mut tiling = rows_tiling(gpu, rows, weight.0, (kernel, 10));
            let normed = tiling.normed.iter_mut().flatten().map(|normed| &mut normed.overrides);
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
    let normed = tiling.normed.iter().flatten().find(|normed| normed.form == form)?;
    let is_fused = gpu.tuning().fused_norms && normed.buffers <= limit;
    is_fused.then_some((normed.kernel, &normed.overrides))
}
