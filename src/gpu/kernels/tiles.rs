//! Which product of many rows runs on a GPU.

use crate::gpu::device::{Gpu, MatrixUnits, Tile};
use crate::gpu::kernels::table::ManyProduct;
use crate::gpu::kernels::tiling::Tiling;
use crate::gpu::memory::{DType, EIGHT};

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

/// The product of many rows with a weight `[N, K]`. Products with f32 weights are not rounded.
pub(super) fn many_tiling(
    gpu: &Gpu,
    rows: usize,
    (n, dtype): (usize, DType),
    product: &'static ManyProduct,
) -> Tiling {
    match gpu.units().filter(|_| dtype != DType::F32) {
        Some(units) => cooperative_tiling(units, product),
        None => tiled_tiling(gpu, rows, n, product),
    }
}

fn tiled_tiling(gpu: &Gpu, rows: usize, n: usize, product: &'static ManyProduct) -> Tiling {
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
        ("HALF", columns / 2),
        ("TILE_K", inputs),
        ("SLICES", slices),
        ("LANES", slices * rows * columns / 64),
        ("X_STAGED", staged(rows, inputs)),
        ("W_STAGED", staged(columns, inputs)),
    ];
    let overrides = overrides.map(|(name, number)| (name, number as f64)).to_vec();
    Tiling::plain(&product.tiled, [rows, columns], overrides)
}

/// On an H200 workgroups of 2 x 2 subgroups, whose tiles have 64 x 128 sums, were faster than larger and
/// smaller ones.
fn cooperative_tiling(units: MatrixUnits, product: &'static ManyProduct) -> Tiling {
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
    Tiling::plain(&product.cooperative[unit / 16], [rows, columns], overrides)
}
