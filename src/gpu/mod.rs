//! wgpu, wrapped: devices, tensors, plans and one method per kernel. Knows nothing of models.

mod commands;
mod device;
mod family;
mod kept;
mod kernels;
mod ops;
mod panels;
mod pipelines;
mod plan;
mod profile;
mod tensor;
mod texels;
mod tuning;
mod units;
mod weight;

pub use commands::{Commands, Readback, Sent};
pub use device::{Gpu, GpuOptions};
pub use family::{KernelFamily, has_512_bits};
pub use kernels::{KERNELS, attention_memory, product_memory};
pub use ops::{
    Attended, Attention, CANDIDATE_WORDS, CELL_WORDS, DrawRows, Epilogue, Modulation, Norm, Onto,
    PARTIAL_WORDS, Rows, STEP_WORDS, SUM_WORDS, Sequences, Vocabulary, draw_chunks,
    partial_attention, partial_attention_bytes,
};
pub(crate) use panels::row_bytes;
pub use plan::{KernelSource, Plan, Recorder};
pub use profile::{KernelTime, Profiler};
pub use tensor::{COLUMN_PAD, DType, Memory, ROW_PAD, Tensor, memory_bytes};
pub use texels::TEXTURE_WIDTH;
pub use tuning::Tuning;
pub use units::MatrixUnits;
pub use weight::{Part, Weight, weight_bytes};
