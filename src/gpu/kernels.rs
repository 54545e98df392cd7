//! The table of kernels, and the one place where variants are chosen: by the adapter's kind, the
//! number of rows and the shape, by rules that were measured.

use crate::gpu::plan::{KernelSource, Overrides};
use crate::gpu::{KernelFamily, Memory};

/// `kernel!("stem", "joined", ..)`: the shader of that stem, with the parts it needs;
/// `kernel!(texels "stem", ..)`: the variant whose tables lie in texels.
macro_rules! kernel {
    (texels $name:literal $(, $part:literal)*) => {
        KernelSource { memory: Memory::Texels, ..kernel!($name $(, $part)*) }
    };
    ($name:literal $(, $part:literal)*) => {
        KernelSource {
            name: $name,
            memory: Memory::Buffer,
            parts: &[
                include_str!(concat!("../../shaders/", $name, ".wgsl")),
                $(include_str!(concat!("../../shaders/", $part, ".wgsl")),)*
                include_str!("../../shaders/prelude.wgsl"),
            ],
        }
    };
}

/// Every kernel; tests validate each.
pub const KERNELS: &[KernelSource] = &[
    EMBEDDING,
    EMBEDDING_TEXELS,
    NORM,
    MATMUL_OUTER4,
    MATMUL_OUTER8,
    MATMUL_OUTER16,
    MATMUL_PLAIN,
    MATMUL_ROWS,
    MATMUL_TILED,
    ROTARY,
    ROTARY_TEXELS,
    ATTENTION_OUTER,
    ATTENTION_WORKGROUP,
    THRESHOLD,
    DRAW,
    REVEAL,
    CANDIDATES,
    GATHER,
    CROSS_ENTROPY,
];

const EMBEDDING: KernelSource = kernel!("embedding", "weights", "weights_buffer");
const EMBEDDING_TEXELS: KernelSource = kernel!(texels "embedding", "weights", "weights_texels");
pub(crate) const NORM: KernelSource = kernel!("norm", "reduce");
const MATMUL_OUTER4: KernelSource =
    kernel!(texels "matmul_outer4", "columns", "matmul", "weights", "weights_texels");
const MATMUL_OUTER8: KernelSource =
    kernel!(texels "matmul_outer8", "columns", "matmul", "weights", "weights_texels");
const MATMUL_OUTER16: KernelSource =
    kernel!(texels "matmul_outer16", "columns", "matmul", "weights", "weights_texels");
const MATMUL_PLAIN: KernelSource = kernel!("matmul_plain", "matmul", "weights", "weights_buffer");
const MATMUL_ROWS: KernelSource = kernel!("matmul_rows", "matmul", "weights", "weights_buffer");
const MATMUL_TILED: KernelSource = kernel!("matmul_tiled", "matmul", "weights", "weights_buffer");
const ROTARY: KernelSource = kernel!("rotary", "rotary_buffer");
const ROTARY_TEXELS: KernelSource = kernel!(texels "rotary", "rotary_texels");
pub(crate) const ATTENTION_OUTER: KernelSource =
    kernel!(texels "attention_outer", "attention_rows", "cache_texels");
pub(crate) const ATTENTION_WORKGROUP: KernelSource = kernel!("attention_workgroup", "cache_buffer");
pub(crate) const THRESHOLD: KernelSource = kernel!("threshold", "sampling", "reduce");
pub(crate) const DRAW: KernelSource = kernel!("draw", "sampling");
pub(crate) const REVEAL: KernelSource = kernel!("reveal", "sampling");
pub(crate) const CANDIDATES: KernelSource = kernel!("candidates", "sampling", "reduce");
pub(crate) const GATHER: KernelSource = kernel!("gather");
pub(crate) const CROSS_ENTROPY: KernelSource = kernel!("cross_entropy", "reduce");

/// The embedding of a table in such memory.
pub(crate) fn embedding(table: Memory) -> KernelSource {
    match table {
        Memory::Buffer => EMBEDDING,
        Memory::Texels => EMBEDDING_TEXELS,
    }
}

/// The rotation that writes to such memory.
pub(crate) fn rotary(cache: Memory) -> KernelSource {
    match cache {
        Memory::Buffer => ROTARY,
        Memory::Texels => ROTARY_TEXELS,
    }
}

/// A matrix product's kernel and the rows and columns that one of its workgroups computes.
pub(crate) struct Tiling {
    pub(crate) kernel: KernelSource,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Overrides of this kernel alone.
    pub(crate) overrides: Overrides<'static>,
}

const NONE: Overrides<'static> = &[];
const WIDE: Overrides<'static> = &[("WIDE", 1.0)];
const NARROW: Overrides<'static> = &[("WIDE", 0.0)];

/// The matrix product for `rows` rows and a weight `[N, K]`.
///
/// On lavapipe taller and wider tiles do more per load (24, 33 and 33 GFLOP/s a core for 4, 8 and 16
/// rows and 64 columns, 19, 27 and 30 for 32 columns; 128 columns gain nothing more) but compile
/// longer, the widest a second for each shape: too long for the passes of a small model.
pub(crate) fn matmul_tiling(family: KernelFamily, rows: usize, [n, k]: [usize; 2]) -> Tiling {
    let is_wide = n.min(k) >= 512;
    let (outer_columns, outer_overrides) = if is_wide { (64, WIDE) } else { (32, NARROW) };
    let (kernel, rows, columns, overrides) = match (family, rows) {
        (KernelFamily::Outer, ..=4) => (MATMUL_OUTER4, 4, outer_columns, outer_overrides),
        (KernelFamily::Outer, ..=8) => (MATMUL_OUTER8, 8, outer_columns, outer_overrides),
        (KernelFamily::Outer, _) => (MATMUL_OUTER16, 16, outer_columns, outer_overrides),
        (KernelFamily::Plain, _) => (MATMUL_PLAIN, 4, 32, NONE),
        (KernelFamily::Workgroup, ..=32) => (MATMUL_ROWS, 8, 4, NONE),
        (KernelFamily::Workgroup, _) => (MATMUL_TILED, 64, 64, NONE),
    };
    Tiling { kernel, rows, columns, overrides }
}

/// Rows of a weight that lie together, see [`crate::gpu::Weight`]: the columns that a workgroup of
/// outer products reads at the same time. Otherwise each lane reads a stream of its own, more than
/// processors look ahead for: at 4 rows a pass took a twentieth longer. Elsewhere lanes go along a
/// row.
pub(crate) fn weight_panel(family: KernelFamily) -> usize {
    match family {
        KernelFamily::Outer => 64,
        KernelFamily::Workgroup | KernelFamily::Plain => 1,
    }
}

/// What weights lie in.
pub(crate) fn weight_memory(family: KernelFamily) -> Memory {
    match family {
        KernelFamily::Outer => Memory::Texels,
        KernelFamily::Workgroup | KernelFamily::Plain => Memory::Buffer,
    }
}

/// Widest head that the outer-product attention holds in registers.
const OUTER_HEAD_WIDTH: usize = 64;

/// What queries, keys and values lie in: texels where attention runs as an outer product.
pub fn attention_memory(family: KernelFamily, head_width: usize) -> Memory {
    match family {
        KernelFamily::Outer if head_width <= OUTER_HEAD_WIDTH => Memory::Texels,
        _ => Memory::Buffer,
    }
}

/// Invocations per workgroup for kernels that go along a row: barriers cost more than they save
/// on software adapters.
pub(crate) fn row_lanes(family: KernelFamily) -> usize {
    match family {
        KernelFamily::Workgroup => 64,
        KernelFamily::Outer | KernelFamily::Plain => 8,
    }
}

/// Invocations per workgroup for a kernel whose loops have so many turns in all: lavapipe ends the
/// loops of an invocation after 65,535 turns, whatever is left of them.
pub(crate) fn lanes_for_turns(family: KernelFamily, turns: usize) -> usize {
    const MAX_TURNS: usize = 1 << 15;
    const MAX_LANES: usize = 256;
    turns.div_ceil(MAX_TURNS).next_power_of_two().clamp(row_lanes(family), MAX_LANES)
}

/// Columns of logits that one workgroup of the draw looks at.
pub(crate) fn draw_chunk(family: KernelFamily) -> usize {
    match family {
        KernelFamily::Workgroup => 2048,
        KernelFamily::Outer | KernelFamily::Plain => 16384,
    }
}
