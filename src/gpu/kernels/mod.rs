//! The table of kernels, and the one place where their variants are chosen: by the adapter's kind, the
//! number of rows and the shape, by rules that were measured.

mod attention;
mod lanes;
mod parts;
mod products;
mod table;

pub(crate) use attention::{attention_tile, split_fits};
pub(crate) use lanes::{draw_chunk, lanes_for_turns, row_lanes};
pub(crate) use products::{Tiling, fused_norm, matmul_tiling, qkv_tiling};
pub use table::KERNELS;
pub(crate) use table::{
    ADAMW, ATTENTION_MERGE, ATTENTION_OUTER, ATTENTION_SPLIT, ATTENTION_TILED, ATTENTION_WORKGROUP,
    CANDIDATES, CROSS_ENTROPY, DRAW, EMBEDDING, GATHER, GRADIENT_CLIP, GRADIENT_SQUARES, MASKED,
    MOVING_AVERAGE, MUON_MOMENTUM, MUON_POLYNOMIAL, MUON_START, MUON_STEP, NORM, REVEAL, ROTARY,
    THRESHOLD,
};
