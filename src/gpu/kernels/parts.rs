//! The texts that are joined to kernels. The head of each says what it provides and what it needs.

macro_rules! part {
    ($stem:literal) => {
        include_str!(concat!("../../../shaders/parts/", $stem, ".wgsl"))
    };
}

pub(super) const PRELUDE: &str = part!("prelude");

// Along a row.
pub(super) const REDUCE: &str = part!("reduce");
pub(super) const MEASURED: &str = part!("measured");
pub(super) const SAMPLING: &str = part!("sampling");

// Numbers of a training step.
pub(super) const RATES: &str = part!("rates");

// Memory of rows that are read, and of the result.
pub(super) const INPUT_BUFFER: &str = part!("input_buffer");
pub(super) const INPUT_TEXELS: &str = part!("input_texels");
pub(super) const OUTPUT_BUFFER: &str = part!("output_buffer");
pub(super) const OUTPUT_TEXELS: &str = part!("output_texels");

/// Weights in any format: a new format is one more part here, and its number in `weights.wgsl`.
pub(super) const WEIGHTS: &str = concat!(
    part!("weights"),
    "\n",
    part!("format_f32"),
    "\n",
    part!("format_f16"),
    "\n",
    part!("format_q8"),
    "\n",
    part!("format_q4")
);
pub(super) const WEIGHTS_BUFFER: &str = part!("weights_buffer");
pub(super) const WEIGHTS_TEXELS: &str = part!("weights_texels");

// Products.
pub(super) const BIAS: &str = part!("bias");
pub(super) const COLUMNS: &str = part!("columns");
pub(super) const COLUMNS_TRANSPOSED: &str = part!("columns_transposed");
pub(super) const EPILOGUE: &str = part!("epilogue");
pub(super) const GATE: &str = part!("gate");
pub(super) const HALVES: &str = part!("halves");
pub(super) const SUMS: &str = part!("sums");
pub(super) const TILES: &str = part!("tiles");
pub(super) const UNIT_8: &str = part!("unit8");
pub(super) const UNIT_16: &str = part!("unit16");

// What becomes of the sums of a product: a matrix, gates that let others through, or queries, keys and
// values.
pub(super) const GATED_COLUMNS: &str = part!("gated_columns");
pub(super) const GATED_ROWS: &str = part!("gated_rows");
pub(super) const MATRIX_COLUMNS: &str = part!("matrix_columns");
pub(super) const MATRIX_ROWS: &str = part!("matrix_rows");
pub(super) const MATRIX_TILE: &str = part!("matrix_tile");
pub(super) const QKV_ROWS: &str = part!("qkv_rows");
pub(super) const QKV_TILE: &str = part!("qkv_tile");

// The rows of a product: given, or with a fused norm.
pub(super) const ROWS_GIVEN: &str = part!("rows_given");
pub(super) const ROWS_NORMED: &str = part!("rows_normed");
pub(super) const ROWS_RMS: &str = part!("rows_rms");

// The backward pass.
pub(super) const ACTIVATIONS: &str = part!("activations");
pub(super) const DROPOUT: &str = part!("dropout");

// Attention and its cache.
pub(super) const ATTENTION_JOIN: &str = part!("attention_join");
pub(super) const ATTENTION_MET: &str = part!("attention_met");
pub(super) const ATTENTION_ROWS: &str = part!("attention_rows");
pub(super) const ATTENTION_SHARE: &str = part!("attention_share");
pub(super) const ATTENTION_TILE: &str = part!("attention_tile");
pub(super) const SPANS: &str = part!("spans");
pub(super) const CACHE_BUFFER: &str = part!("cache_buffer");
pub(super) const CACHE_TEXELS: &str = part!("cache_texels");
pub(super) const READ_BUFFER: &str = part!("read_buffer");
pub(super) const READ_TEXELS: &str = part!("read_texels");
pub(super) const STORE_BUFFER: &str = part!("store_buffer");
pub(super) const STORE_TEXELS: &str = part!("store_texels");
