//! The kernels of the backward pass, and those of the forward pass that only training has.

use crate::gpu::kernels::variants::{Variants, kernel};
use crate::gpu::plan::KernelSource;

/// The kernel of that stem that writes its result to a buffer or to texels.
macro_rules! output {
    ($stem:literal: $($part:ident),*) => {
        Variants {
            buffer: kernel!(backward / $stem, "buffer": OUTPUT_BUFFER $(, $part)*),
            texels: kernel!(backward / $stem, "texels": OUTPUT_TEXELS $(, $part)*),
        }
    };
}

/// The kernel of that stem that reads rows from a buffer or from texels.
macro_rules! input {
    ($stem:literal: $($part:ident),*) => {
        Variants {
            buffer: kernel!(backward / $stem, "buffer": INPUT_BUFFER $(, $part)*),
            texels: kernel!(backward / $stem, "texels": INPUT_TEXELS $(, $part)*),
        }
    };
}

// Products.
pub(crate) static MATMUL_TRANSPOSED: KernelSource = kernel!(
    backward / "matmul_transposed": BIAS, EPILOGUE, WEIGHTS_BUFFER, INPUT_BUFFER, OUTPUT_BUFFER
);
pub(crate) static MATMUL_OUTER_TRANSPOSED: Variants = Variants {
    buffer: kernel!(
        "matmul_outer", "transposed, buffer":
        SUMS, MATRIX_TILE, COLUMNS_TRANSPOSED, BIAS, EPILOGUE, WEIGHTS_TEXELS, INPUT_TEXELS,
        OUTPUT_BUFFER
    ),
    texels: kernel!(
        "matmul_outer", "transposed, texels":
        SUMS, MATRIX_TILE, COLUMNS_TRANSPOSED, BIAS, EPILOGUE, WEIGHTS_TEXELS, INPUT_TEXELS,
        OUTPUT_TEXELS
    ),
};
pub(crate) static WEIGHT_GRADIENT_OUTER: KernelSource =
    kernel!(backward / "weight_gradient_outer":);
pub(crate) static WEIGHT_GRADIENT_TILED: KernelSource =
    kernel!(backward / "weight_gradient_tiled":);
pub(crate) static WEIGHT_GRADIENT_MERGE: KernelSource =
    kernel!(backward / "weight_gradient_merge":);

// Sums.
pub(crate) static COLUMN_SUMS: Variants = input!("column_sums":);
pub(crate) static COLUMN_SUMS_MERGE: Variants = output!("column_sums_merge":);
pub(crate) static SCATTER: KernelSource = kernel!(backward / "scatter":);
pub(crate) static SUM_ROWS: KernelSource = kernel!(backward / "sum_rows":);

// What a layer does beside products.
pub(crate) static ACTIVATION: Variants = output!("activation": INPUT_BUFFER, ACTIVATIONS);
pub(crate) static BACKWARD_ACTIVATION: Variants =
    output!("backward_activation": INPUT_BUFFER, ACTIVATIONS);
pub(crate) static GATED: KernelSource = kernel!(backward / "gated": DROPOUT);
pub(crate) static BACKWARD_GATED: Variants = output!("backward_gated": DROPOUT);
pub(crate) static BACKWARD_NORM: KernelSource = kernel!(backward / "backward_norm": REDUCE);
pub(crate) static BACKWARD_NORM_SUMS: KernelSource = kernel!(backward / "backward_norm_sums":);
pub(crate) static BACKWARD_NORM_MERGE: Variants = output!("backward_norm_merge":);

// Attention.
pub(crate) static BACKWARD_ROTARY: Variants = output!("backward_rotary":);
pub(crate) static BACKWARD_ATTENTION_QUERIES_OUTER: KernelSource = kernel!(
    backward / "backward_attention_queries_outer": ATTENTION_ROWS, READ_TEXELS, CACHE_TEXELS
);
pub(crate) static BACKWARD_ATTENTION_KEYS_OUTER: KernelSource = kernel!(
    backward / "backward_attention_keys_outer": ATTENTION_ROWS, READ_TEXELS, CACHE_TEXELS
);
pub(crate) static BACKWARD_ATTENTION_QUERIES_TILED: Variants = input!(
    "backward_attention_queries_tiled": SPANS, READ_BUFFER, CACHE_BUFFER
);
pub(crate) static BACKWARD_ATTENTION_KEYS_TILED: KernelSource =
    kernel!(backward / "backward_attention_keys_tiled": SPANS, READ_BUFFER, CACHE_BUFFER);

// The head.
pub(crate) static BACKWARD_CROSS_ENTROPY: Variants = output!("backward_cross_entropy": REDUCE);
