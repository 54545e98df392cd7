//! The table of kernels, and the one place where their variants are chosen: by the adapter's kind, the
//! number of rows and the shape, by rules that were measured.

mod attention;
mod backward;
mod gradients;
mod lanes;
mod parts;
mod products;
mod rows;
mod table;
mod tiles;
mod tiling;
mod variants;

pub(crate) use attention::{attention_tile, backward_tile, joined_lanes, key_shares, split_fits};
pub(crate) use backward::{
    ACTIVATION, BACKWARD_ACTIVATION, BACKWARD_ATTENTION_KEYS_OUTER, BACKWARD_ATTENTION_KEYS_TILED,
    BACKWARD_ATTENTION_QUERIES_OUTER, BACKWARD_ATTENTION_QUERIES_TILED, BACKWARD_CROSS_ENTROPY,
    BACKWARD_GATED, BACKWARD_NORM, BACKWARD_NORM_MERGE, BACKWARD_NORM_SUMS, BACKWARD_ROTARY,
    COLUMN_SUMS, COLUMN_SUMS_MERGE, GATED, SCATTER, SUM_ROWS, WEIGHT_GRADIENT_MERGE,
    WEIGHT_GRADIENT_OUTER, WEIGHT_GRADIENT_TILED,
};
pub(crate) use gradients::{GradientTiling, gradient_tiling, transposed_tiling};
pub(crate) use lanes::{draw_chunk, lanes_for_turns, row_lanes};
pub(crate) use products::{fused_norm, gated_tiling, matmul_tiling, qkv_tiling};
pub use table::KERNELS;
pub(crate) use table::{
    ADAMW, ATTENTION_JOINED, ATTENTION_MERGE, ATTENTION_OUTER, ATTENTION_SPLIT, ATTENTION_TILED,
    ATTENTION_WORKGROUP, CANDIDATES, CROSS_ENTROPY, DRAW, EMBEDDING, GATHER, GRADIENT_CLIP,
    GRADIENT_SQUARES, HEAD_NORM, MASKED, MOVING_AVERAGE, MUON_MOMENTUM, MUON_POLYNOMIAL,
    MUON_START, MUON_STEP, NORM, NORMED_ROTARY, PICK, RENOISE, REVEAL, RMS_NORM, ROTARY, SIMPLEX,
    SWIGLU, THRESHOLD,
};
pub(crate) use tiling::{NormForm, Tiling};
