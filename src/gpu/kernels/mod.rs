//! The table of kernels, and the one place where their variants are chosen: by the adapter's kind, the
//! number of rows and the shape, by rules that were measured.

mod attention;
mod lanes;
mod parts;
mod products;
mod table;

pub(crate) use attention::{attention_tile, split_fits};
pub(crate) use lanes::{draw_chunk, lanes_for_turns, row_lanes};
pub(crate) use products::{NormForm, Tiling, fused_norm, matmul_tiling, qkv_tiling};
pub use table::KERNELS;
pub(crate) use table::{
    ATTENTION_MERGE, ATTENTION_OUTER, ATTENTION_SPLIT, ATTENTION_TILED, ATTENTION_WORKGROUP,
    CANDIDATES, CROSS_ENTROPY, DRAW, EMBEDDING, GATHER, HEAD_NORM, MASKED, NORM, REVEAL, RMS_NORM,
    ROTARY, SWIGLU, THRESHOLD,
};
