//! Every kernel with the parts that are joined to it.

use crate::gpu::kernels::backward::{
    ACTIVATION, BACKWARD_ACTIVATION, BACKWARD_ATTENTION_KEYS_OUTER, BACKWARD_ATTENTION_KEYS_TILED,
    BACKWARD_ATTENTION_QUERIES_OUTER, BACKWARD_ATTENTION_QUERIES_TILED, BACKWARD_CROSS_ENTROPY,
    BACKWARD_GATED, BACKWARD_NORM, BACKWARD_NORM_MERGE, BACKWARD_NORM_SUMS, BACKWARD_ROTARY,
    COLUMN_SUMS, COLUMN_SUMS_MERGE, GATED, MATMUL_OUTER_TRANSPOSED, MATMUL_TRANSPOSED, SCATTER,
    SUM_ROWS, WEIGHT_GRADIENT_MERGE, WEIGHT_GRADIENT_OUTER, WEIGHT_GRADIENT_TILED,
};
use crate::gpu::kernels::variants::{Variants, kernel};
use crate::gpu::plan::KernelSource;

/// An outer product that stores a matrix in a buffer or in texels, or queries, keys and values.
pub(super) struct OuterProduct {
    pub(super) matrix: Variants,
    pub(super) qkv: KernelSource,
}

/// A product of few rows on GPUs, its rows as they are given, or with a fused norm.
pub(super) struct RowsProduct {
    pub(super) given: KernelSource,
    pub(super) rms: KernelSource,
    pub(super) layer: Option<&'static KernelSource>,
    /// Storage buffers that it binds with rows as they are given: one more with an RMS norm, two more
    /// with a layer norm.
    pub(super) buffers: u32,
}

/// A product of many rows on GPUs: in tiles, and on matrix units of 8 and of 16.
pub(super) struct ManyProduct {
    pub(super) tiled: KernelSource,
    pub(super) cooperative: [KernelSource; 2],
}

pub(crate) static EMBEDDING: Variants = Variants {
    buffer: kernel!("embedding", "buffer": WEIGHTS, WEIGHTS_BUFFER),
    texels: kernel!("embedding", "texels": WEIGHTS, WEIGHTS_TEXELS),
};

pub(crate) static NORM: Variants = Variants {
    buffer: kernel!("norm", "buffer": REDUCE, OUTPUT_BUFFER),
    texels: kernel!("norm", "texels": REDUCE, OUTPUT_TEXELS),
};

pub(crate) static RMS_NORM: Variants = Variants {
    buffer: kernel!("rms_norm", "buffer": REDUCE, OUTPUT_BUFFER),
    texels: kernel!("rms_norm", "texels": REDUCE, OUTPUT_TEXELS),
};

pub(crate) static HEAD_NORM: KernelSource = kernel!("head_norm": REDUCE);

pub(crate) static SWIGLU: Variants = Variants {
    buffer: kernel!("swiglu", "buffer": GATE, OUTPUT_BUFFER),
    texels: kernel!("swiglu", "texels": GATE, OUTPUT_TEXELS),
};

/// The outer product of that name, whatever it stores.
macro_rules! outer_product {
    ($name:literal) => {
        OuterProduct {
            matrix: Variants {
                buffer: kernel!(
                    $name, "buffer":
                    SUMS, MATRIX_TILE, COLUMNS, BIAS, EPILOGUE, WEIGHTS, WEIGHTS_TEXELS,
                    INPUT_TEXELS, OUTPUT_BUFFER
                ),
                texels: kernel!(
                    $name, "texels":
                    SUMS, MATRIX_TILE, COLUMNS, BIAS, EPILOGUE, WEIGHTS, WEIGHTS_TEXELS,
                    INPUT_TEXELS, OUTPUT_TEXELS
                ),
            },
            qkv: kernel!(
                $name, "qkv":
                SUMS, QKV_TILE, COLUMNS, BIAS, STORE_TEXELS, CACHE_TEXELS, WEIGHTS,
                WEIGHTS_TEXELS, INPUT_TEXELS
            ),
        }
    };
}

pub(super) static MATMUL_OUTER: OuterProduct = outer_product!("matmul_outer");
pub(super) static MATMUL_OUTER_FEW: OuterProduct = outer_product!("matmul_outer_few");

pub(super) static MATMUL_PLAIN: KernelSource = kernel!(
    "matmul_plain": BIAS, EPILOGUE, WEIGHTS, WEIGHTS_BUFFER, INPUT_BUFFER, OUTPUT_BUFFER
);

/// The product of few rows with these parts.
macro_rules! rows_product {
    ($variant:literal: $($part:ident),*) => {
        kernel!("matmul_rows", $variant: $($part,)* BIAS, WEIGHTS, WEIGHTS_BUFFER, INPUT_BUFFER)
    };
}

/// Its sums are a matrix.
pub(super) static MATMUL_ROWS: RowsProduct = RowsProduct {
    given: rows_product!("given": ROWS_GIVEN, MATRIX_ROWS, EPILOGUE, OUTPUT_BUFFER),
    rms: rows_product!("rms": ROWS_RMS, MATRIX_ROWS, EPILOGUE, OUTPUT_BUFFER),
    layer: Some(&MATMUL_ROWS_LAYER),
    buffers: 5,
};
static MATMUL_ROWS_LAYER: KernelSource =
    rows_product!("layer": ROWS_NORMED, MATRIX_ROWS, EPILOGUE, OUTPUT_BUFFER);

/// Its sums are queries, keys and values.
pub(super) static MATMUL_ROWS_QKV: RowsProduct = RowsProduct {
    given: rows_product!("qkv, given": ROWS_GIVEN, QKV_ROWS),
    rms: rows_product!("qkv, rms": ROWS_RMS, QKV_ROWS),
    layer: Some(&MATMUL_ROWS_QKV_LAYER),
    buffers: 8,
};
static MATMUL_ROWS_QKV_LAYER: KernelSource = rows_product!("qkv, layer": ROWS_NORMED, QKV_ROWS);

/// Its sums are gates and what they let through. No network with gates has layer norms.
pub(super) static MATMUL_ROWS_GATED: RowsProduct = RowsProduct {
    given: rows_product!("gated, given": ROWS_GIVEN, GATED_ROWS, GATE),
    rms: rows_product!("gated, rms": ROWS_RMS, GATED_ROWS, GATE),
    layer: None,
    buffers: 4,
};

/// A product of many rows with these parts.
macro_rules! many_product {
    ($stem:literal, $variant:literal: $($part:ident),*) => {
        kernel!($stem, $variant: $($part,)* BIAS, WEIGHTS, WEIGHTS_BUFFER, INPUT_BUFFER)
    };
}

/// Its sums are a matrix.
pub(super) static MATMUL_MANY: ManyProduct = ManyProduct {
    tiled: many_product!("matmul_tiled", "": TILES, MATRIX_COLUMNS, EPILOGUE, OUTPUT_BUFFER),
    cooperative: [
        many_product!(
            "matmul_cooperative", "unit8":
            UNIT_8, HALVES, MATRIX_COLUMNS, EPILOGUE, OUTPUT_BUFFER
        ),
        many_product!(
            "matmul_cooperative", "unit16":
            UNIT_16, HALVES, MATRIX_COLUMNS, EPILOGUE, OUTPUT_BUFFER
        ),
    ],
};

/// Its sums are gates and what they let through.
pub(super) static MATMUL_MANY_GATED: ManyProduct = ManyProduct {
    tiled: many_product!("matmul_tiled", "gated": TILES, GATED_COLUMNS, GATE),
    cooperative: [
        many_product!("matmul_cooperative", "gated, unit8": UNIT_8, HALVES, GATED_COLUMNS, GATE),
        many_product!("matmul_cooperative", "gated, unit16": UNIT_16, HALVES, GATED_COLUMNS, GATE),
    ],
};

pub(crate) static ROTARY: Variants = Variants {
    buffer: kernel!("rotary", "buffer": STORE_BUFFER, CACHE_BUFFER),
    texels: kernel!("rotary", "texels": STORE_TEXELS, CACHE_TEXELS),
};

pub(crate) static NORMED_ROTARY: KernelSource =
    kernel!("normed_rotary": REDUCE, STORE_BUFFER, CACHE_BUFFER);

pub(crate) static ATTENTION_JOINED: KernelSource = kernel!("attention_joined": ATTENTION_JOIN, ATTENTION_MET, SPANS, READ_BUFFER, CACHE_BUFFER, OUTPUT_BUFFER);
pub(crate) static ATTENTION_OUTER: KernelSource =
    kernel!("attention_outer": ATTENTION_ROWS, READ_TEXELS, CACHE_TEXELS, OUTPUT_TEXELS);
pub(crate) static ATTENTION_SPLIT: KernelSource = kernel!("attention_split": ATTENTION_SHARE, ATTENTION_MET, SPANS, READ_BUFFER, CACHE_BUFFER, OUTPUT_BUFFER);
pub(crate) static ATTENTION_MERGE: KernelSource = kernel!("attention_merge": OUTPUT_BUFFER);
pub(crate) static ATTENTION_TILED: KernelSource =
    kernel!("attention_tiled": ATTENTION_TILE, SPANS, READ_BUFFER, CACHE_BUFFER, OUTPUT_BUFFER);
pub(crate) static ATTENTION_WORKGROUP: Variants = Variants {
    buffer: kernel!("attention_workgroup", "buffer": READ_BUFFER, CACHE_BUFFER, OUTPUT_BUFFER),
    texels: kernel!("attention_workgroup", "texels": READ_BUFFER, CACHE_BUFFER, OUTPUT_TEXELS),
};

pub(crate) static MASKED: KernelSource = kernel!("masked": SAMPLING);
pub(crate) static THRESHOLD: KernelSource = kernel!("threshold": SAMPLING, REDUCE);
pub(crate) static DRAW: KernelSource = kernel!("draw": SAMPLING);
pub(crate) static REVEAL: KernelSource = kernel!("reveal": MEASURED, SAMPLING);
pub(crate) static CANDIDATES: KernelSource = kernel!("candidates": SAMPLING, REDUCE);

pub(crate) static SIMPLEX: Variants = Variants {
    buffer: kernel!("simplex", "buffer": REDUCE, OUTPUT_BUFFER),
    texels: kernel!("simplex", "texels": REDUCE, OUTPUT_TEXELS),
};
pub(crate) static PICK: KernelSource = kernel!("pick": SAMPLING, REDUCE);
pub(crate) static RENOISE: KernelSource = kernel!("renoise": SAMPLING);

pub(crate) static GATHER: Variants = Variants {
    buffer: kernel!("gather", "buffer": INPUT_BUFFER, OUTPUT_BUFFER),
    texels: kernel!("gather", "texels": INPUT_TEXELS, OUTPUT_TEXELS),
};
pub(crate) static CROSS_ENTROPY: KernelSource = kernel!("cross_entropy": REDUCE);

pub(crate) static GRADIENT_SQUARES: KernelSource = kernel!("gradient_squares": REDUCE);
pub(crate) static GRADIENT_CLIP: KernelSource = kernel!("gradient_clip": REDUCE, RATES);
pub(crate) static ADAMW: KernelSource = kernel!("adamw": RATES);
pub(crate) static MOVING_AVERAGE: KernelSource = kernel!("moving_average": RATES);

pub(crate) static MUON_MOMENTUM: KernelSource = kernel!("muon_momentum":);
pub(crate) static MUON_START: Variants = Variants {
    buffer: kernel!("muon_start", "buffer": OUTPUT_BUFFER),
    texels: kernel!("muon_start", "texels": OUTPUT_TEXELS),
};
pub(crate) static MUON_POLYNOMIAL: Variants = Variants {
    buffer: kernel!("muon_polynomial", "buffer": INPUT_BUFFER, OUTPUT_BUFFER),
    texels: kernel!("muon_polynomial", "texels": INPUT_TEXELS, OUTPUT_TEXELS),
};
pub(crate) static MUON_STEP: Variants = Variants {
    buffer: kernel!("muon_step", "buffer": RATES, INPUT_BUFFER),
    texels: kernel!("muon_step", "texels": RATES, INPUT_TEXELS),
};

/// Every kernel; tests validate each.
pub static KERNELS: &[&KernelSource] = &[
    &EMBEDDING.buffer,
    &EMBEDDING.texels,
    &NORM.buffer,
    &NORM.texels,
    &RMS_NORM.buffer,
    &RMS_NORM.texels,
    &HEAD_NORM,
    &SWIGLU.buffer,
    &SWIGLU.texels,
    &MATMUL_OUTER_FEW.matrix.buffer,
    &MATMUL_OUTER_FEW.matrix.texels,
    &MATMUL_OUTER_FEW.qkv,
    &MATMUL_OUTER.matrix.buffer,
    &MATMUL_OUTER.matrix.texels,
    &MATMUL_OUTER.qkv,
    &MATMUL_PLAIN,
    &MATMUL_ROWS.given,
    &MATMUL_ROWS.rms,
    &MATMUL_ROWS_LAYER,
    &MATMUL_ROWS_QKV.given,
    &MATMUL_ROWS_QKV.rms,
    &MATMUL_ROWS_QKV_LAYER,
    &MATMUL_ROWS_GATED.given,
    &MATMUL_ROWS_GATED.rms,
    &MATMUL_MANY.tiled,
    &MATMUL_MANY.cooperative[0],
    &MATMUL_MANY.cooperative[1],
    &MATMUL_MANY_GATED.tiled,
    &MATMUL_MANY_GATED.cooperative[0],
    &MATMUL_MANY_GATED.cooperative[1],
    &ROTARY.buffer,
    &ROTARY.texels,
    &NORMED_ROTARY,
    &ATTENTION_JOINED,
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
    &SIMPLEX.buffer,
    &SIMPLEX.texels,
    &PICK,
    &RENOISE,
    &GATHER.buffer,
    &GATHER.texels,
    &CROSS_ENTROPY,
    &MATMUL_OUTER_TRANSPOSED.buffer,
    &MATMUL_OUTER_TRANSPOSED.texels,
    &MATMUL_TRANSPOSED,
    &WEIGHT_GRADIENT_OUTER,
    &WEIGHT_GRADIENT_TILED,
    &WEIGHT_GRADIENT_MERGE,
    &COLUMN_SUMS.buffer,
    &COLUMN_SUMS.texels,
    &COLUMN_SUMS_MERGE.buffer,
    &COLUMN_SUMS_MERGE.texels,
    &SCATTER,
    &SUM_ROWS,
    &ACTIVATION.buffer,
    &ACTIVATION.texels,
    &BACKWARD_ACTIVATION.buffer,
    &BACKWARD_ACTIVATION.texels,
    &GATED,
    &BACKWARD_GATED.buffer,
    &BACKWARD_GATED.texels,
    &BACKWARD_NORM,
    &BACKWARD_NORM_SUMS,
    &BACKWARD_NORM_MERGE.buffer,
    &BACKWARD_NORM_MERGE.texels,
    &BACKWARD_ROTARY.buffer,
    &BACKWARD_ROTARY.texels,
    &BACKWARD_ATTENTION_QUERIES_OUTER,
    &BACKWARD_ATTENTION_KEYS_OUTER,
    &BACKWARD_ATTENTION_QUERIES_TILED.buffer,
    &BACKWARD_ATTENTION_QUERIES_TILED.texels,
    &BACKWARD_ATTENTION_KEYS_TILED,
    &BACKWARD_CROSS_ENTROPY.buffer,
    &BACKWARD_CROSS_ENTROPY.texels,
    &GRADIENT_SQUARES,
    &GRADIENT_CLIP,
    &ADAMW,
    &MOVING_AVERAGE,
    &MUON_MOMENTUM,
    &MUON_START.buffer,
    &MUON_START.texels,
    &MUON_POLYNOMIAL.buffer,
    &MUON_POLYNOMIAL.texels,
    &MUON_STEP.buffer,
    &MUON_STEP.texels,
];
