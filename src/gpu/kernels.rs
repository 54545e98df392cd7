//! The table of kernels, and the one place where variants are chosen: by the adapter's kind, the
//! number of rows and the shape, by rules that were measured.

use crate::gpu::plan::KernelSource;
use crate::gpu::{DType, Gpu, KernelFamily, Memory};

/// `kernel!("stem", "joined", ..)`: the shader of that stem, with the parts it needs.
macro_rules! kernel {
    ($name:literal $(, $part:literal)*) => { kernel!(in "", $name $(, $part)*) };
    (in $variant:expr, $name:literal $(, $part:expr)*) => {
        KernelSource {
            name: $name,
            variant: $variant,
            parts: &[
                include_str!(concat!("../../shaders/", $name, ".wgsl")),
                $(include_str!(concat!("../../shaders/", $part, ".wgsl")),)*
                include_str!("../../shaders/prelude.wgsl"),
            ],
        }
    };
}

/// A kernel in two variants, by the memory of its tensors.
pub(crate) struct Variants {
    buffer: KernelSource,
    texels: KernelSource,
}

impl Variants {
    /// The variant for tensors that lie there.
    pub(crate) fn of(&self, memory: Memory) -> &KernelSource {
        match memory {
            Memory::Buffer => &self.buffer,
            Memory::Texels => &self.texels,
        }
    }
}

/// `variants!("stem", "joined", ..; "part", ..)`: with `part_buffer` and with `part_texels`.
macro_rules! variants {
    ($name:literal $(, $joined:literal)*; $($part:literal),*) => {
        Variants {
            buffer: kernel!(in "buffer", $name $(, $joined)* $(, concat!($part, "_buffer"))*),
            texels: kernel!(in "texels", $name $(, $joined)* $(, concat!($part, "_texels"))*),
        }
    };
}

/// `product!("stem", "joined", ..)`: a matrix product on buffers, its variant called like the first
/// part that is joined.
macro_rules! product {
    ($name:literal) => { product!(in "", $name,) };
    ($name:literal, $first:literal $(, $joined:literal)*) => {
        product!(in $first, $name, $first $(, $joined)*)
    };
    (in $variant:literal, $name:literal, $($joined:literal),*) => {
        kernel!(
            in $variant,
            $name
            $(, $joined)*,
            "bias",
            "matmul",
            "weights",
            "weights_buffer",
            "input_buffer",
            "output_buffer"
        )
    };
}

/// An outer product, by what becomes of its sums.
struct OuterProduct {
    matrix: Variants,
    /// Queries, keys and values.
    qkv: KernelSource,
}

macro_rules! outer {
    ($name:literal) => {
        OuterProduct {
            matrix: variants!(
                $name, "sums", "tile", "columns", "bias", "matmul", "weights", "weights_texels",
                "input_texels"; "output"
            ),
            qkv: kernel!(
                in "qkv", $name, "sums", "qkv_tile", "columns", "bias", "rotary_texels",
                "cached_texels", "weights", "weights_texels", "input_texels"
            ),
        }
    };
}

/// A product of few rows on GPUs, by what becomes of its sums.
struct RowsProduct {
    matrix: KernelSource,
    /// Queries, keys and values.
    qkv: KernelSource,
}

macro_rules! rows_qkv {
    ($rows:literal) => {
        kernel!(
            in concat!("qkv, ", $rows), "matmul_rows", $rows, "bias", "qkv_rows", "weights",
            "weights_buffer", "input_buffer"
        )
    };
}

/// Every kernel; tests validate each.
pub static KERNELS: &[&KernelSource] = &[
    &EMBEDDING.buffer,
    &EMBEDDING.texels,
    &NORM.buffer,
    &NORM.texels,
    &MATMUL_OUTER_FEW.matrix.buffer,
    &MATMUL_OUTER_FEW.matrix.texels,
    &MATMUL_OUTER_FEW.qkv,
    &MATMUL_OUTER.matrix.buffer,
    &MATMUL_OUTER.matrix.texels,
    &MATMUL_OUTER.qkv,
    &MATMUL_PLAIN,
    &MATMUL_ROWS.matrix,
    &MATMUL_ROWS.qkv,
    &MATMUL_ROWS_NORMED.matrix,
    &MATMUL_ROWS_NORMED.qkv,
    &MATMUL_TILED,
    &MATMUL_COOPERATIVE[0],
    &MATMUL_COOPERATIVE[1],
    &ROTARY.buffer,
    &ROTARY.texels,
    &ATTENTION_MERGE,
    &ATTENTION_OUTER,
    &ATTENTION_SPLIT,
    &ATTENTION_TILED,
    &ATTENTION_WORKGROUP.buffer,
    &ATTENTION_WORKGROUP.texels,
    &MASKED,
    &THRESHOLD,
    &DRAW,
    &REVEAL,
    &CANDIDATES,
    &GATHER.buffer,
    &GATHER.texels,
    &CROSS_ENTROPY,
];

pub(crate) static EMBEDDING: Variants = variants!("embedding", "weights"; "weights");
pub(crate) static NORM: Variants = variants!("norm", "reduce"; "output");
static MATMUL_OUTER_FEW: OuterProduct = outer!("matmul_outer_few");
static MATMUL_OUTER: OuterProduct = outer!("matmul_outer");
static MATMUL_PLAIN: KernelSource = product!("matmul_plain");
static MATMUL_ROWS: RowsProduct = RowsProduct {
    matrix: product!("matmul_rows", "rows_given", "rows"),
    qkv: rows_qkv!("rows_given"),
};
/// Of rows that are normalised on the way.
static MATMUL_ROWS_NORMED: RowsProduct = RowsProduct {
    matrix: product!("matmul_rows", "rows_normed", "rows"),
    qkv: rows_qkv!("rows_normed"),
};
static MATMUL_TILED: KernelSource = product!("matmul_tiled");
/// For units of 8 and of 16.
static MATMUL_COOPERATIVE: [KernelSource; 2] =
    [product!("matmul_cooperative", "unit8"), product!("matmul_cooperative", "unit16")];
pub(crate) static ROTARY: Variants = variants!("rotary"; "rotary", "cached");
pub(crate) static ATTENTION_OUTER: KernelSource =
    kernel!("attention_outer", "attention_rows", "cache_texels", "cached_texels", "output_texels");
pub(crate) static ATTENTION_SPLIT: KernelSource =
    kernel!("attention_split", "spans", "cache_buffer", "cached_buffer", "output_buffer");
pub(crate) static ATTENTION_MERGE: KernelSource = kernel!("attention_merge", "output_buffer");
pub(crate) static ATTENTION_TILED: KernelSource =
    kernel!("attention_tiled", "spans", "cache_buffer", "cached_buffer", "output_buffer");
pub(crate) static ATTENTION_WORKGROUP: Variants =
    variants!("attention_workgroup", "cache_buffer", "cached_buffer"; "output");
pub(crate) static MASKED: KernelSource = kernel!("masked", "sampling");
pub(crate) static THRESHOLD: KernelSource = kernel!("threshold", "sampling", "reduce");
pub(crate) static DRAW: KernelSource = kernel!("draw", "sampling");
pub(crate) static REVEAL: KernelSource = kernel!("reveal", "sampling");
pub(crate) static CANDIDATES: KernelSource = kernel!("candidates", "sampling", "reduce");
pub(crate) static GATHER: Variants = variants!("gather"; "input", "output");
pub(crate) static CROSS_ENTROPY: KernelSource = kernel!("cross_entropy", "reduce");

/// A matrix product's kernel and the rows and columns that one of its workgroups computes.
pub(crate) struct Tiling {
    pub(crate) kernel: &'static KernelSource,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Overrides of this kernel alone.
    pub(crate) overrides: Vec<(&'static str, f64)>,
}

/// The matrix product for `rows` rows and a weight `[N, K]`.
pub(crate) fn matmul_tiling(
    gpu: &Gpu,
    rows: usize,
    ([n, k], dtype): ([usize; 2], DType),
    output: Memory,
) -> Tiling {
    let other = |kernel, rows, columns| Tiling { kernel, rows, columns, overrides: Vec::new() };
    let is_few = rows <= gpu.tuning().few_rows;
    // What is asked for in f32 is not rounded.
    let units = gpu.units().filter(|_| !is_few && dtype != DType::F32);
    if let Some(units) = units {
        let (kernel, tile) =
            (&MATMUL_COOPERATIVE[units.size as usize / 16], 4 * units.size as usize);
        let overrides = vec![("LANES", f64::from(4 * units.lanes))];
        return Tiling { kernel, rows: tile, columns: tile, overrides };
    }
    match (gpu.kernels(), rows) {
        (KernelFamily::Outer, _) => {
            outer_tiling(gpu, rows, [n, k], |product| product.matrix.of(output))
        }
        (KernelFamily::Plain, _) => other(&MATMUL_PLAIN, 4, 32),
        (family, _) if family.is_for_gpus() && is_few => other(&MATMUL_ROWS.matrix, 8, 4),
        (_, _) => other(&MATMUL_TILED, 64, 64),
    }
}

/// The outer product for `rows` rows and a weight `[N, K]`, by what becomes of its sums.
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
    if rows <= lanes / 2 {
        overrides.push(("HEIGHT", rows as f64));
        return Tiling { kernel: kernel(&MATMUL_OUTER_FEW), rows: lanes / 2, columns, overrides };
    }
    let is_tall = rows > 8;
    overrides.push(("TALL", f64::from(is_tall)));
    Tiling { kernel: kernel(&MATMUL_OUTER), rows: if is_tall { 16 } else { 8 }, columns, overrides }
}

/// The product that ends queries, keys and values of heads of that width at once, where there is
/// one. Outer products have one for heads as wide as their wide tiles, or half as wide, and rows that
/// fill these (few do, whatever their number), on devices that can bind five storage textures; GPUs
/// for few rows.
pub(crate) fn qkv_tiling(
    gpu: &Gpu,
    rows: usize,
    weight: ([usize; 2], DType),
    head_width: usize,
) -> Option<Tiling> {
    let mut tiling = matmul_tiling(gpu, rows, weight, Memory::Buffer);
    match (gpu.kernels(), tiling.rows) {
        (KernelFamily::Outer, _) => {
            let lanes = gpu.subgroup_lanes();
            let is_whole = rows <= lanes / 2 || rows.is_multiple_of(tiling.rows);
            let is_head = head_width == 64 && tiling.columns == 8 * lanes;
            let textures = gpu.device().limits().max_storage_textures_per_shader_stage;
            let runs = is_whole && is_head && textures >= 5;
            runs.then(|| outer_tiling(gpu, rows, weight.0, |product| &product.qkv))
        }
        (family, 8) if family.is_for_gpus() => {
            tiling.overrides.push(("ROWS", rows as f64));
            tiling.kernel = &MATMUL_ROWS.qkv;
            Some(tiling)
        }
        _ => None,
    }
}

/// The kernel that does a tiling's work on rows that it normalises on the way, where there is one
/// and the device can bind all of it.
pub(crate) fn normed_kernel(gpu: &Gpu, tiling: &Tiling) -> Option<&'static KernelSource> {
    let limit = gpu.device().limits().max_storage_buffers_per_shader_stage;
    let (kernel, buffers) = match tiling.kernel.variant {
        variant if variant == MATMUL_ROWS.matrix.variant => (&MATMUL_ROWS_NORMED.matrix, 7),
        variant if variant == MATMUL_ROWS.qkv.variant => (&MATMUL_ROWS_NORMED.qkv, 10),
        _ => return None,
    };
    (gpu.tuning().fused_norms && buffers <= limit).then_some(kernel)
}

/// A tile of `attention_tiled`: rows of one head, and what its workgroup holds of them.
pub(crate) struct AttentionTile {
    pub(crate) rows: usize,
    /// Vectors of 16 keys.
    pub(crate) staged: usize,
    /// Scores of the rows with 16 keys, each row padded.
    pub(crate) scores: usize,
}

/// The tile for groups of so many rows, where tiles are taken: for whole sequences, since few rows
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
    let bytes = 16 * head_width + (3 * 16 + 4) * 128.max(head_width / 8) + 16;
    let limit = gpu.device().limits().max_compute_workgroup_storage_size;
    gpu.kernels().is_for_gpus() && bytes <= limit as usize
}

/// Invocations per workgroup for kernels that go along a row: barriers cost more than they save
/// on software adapters.
pub(crate) fn row_lanes(gpu: &Gpu) -> usize {
    if gpu.kernels().is_for_gpus() { 64 } else { gpu.subgroup_lanes().clamp(8, 16) }
}

/// Invocations per workgroup for a kernel whose loops have so many turns in all: lavapipe ends the
/// loops of an invocation after 65,535 turns, whatever is left of them.
pub(crate) fn lanes_for_turns(gpu: &Gpu, turns: usize) -> usize {
    const MAX_TURNS: usize = 1 << 15;
    const MAX_LANES: usize = 256;
    turns.div_ceil(MAX_TURNS).next_power_of_two().clamp(row_lanes(gpu), MAX_LANES)
}

/// Columns of logits that one workgroup of the draw looks at.
pub(crate) fn draw_chunk(family: KernelFamily) -> usize {
    if family.is_for_gpus() { 2048 } else { 16384 }
}
