//! wgpu, wrapped: devices, memory, plans and one method per kernel. Knows nothing of models. Inside,
//! each knows only those before it: wait → device → memory → plan → kernels → ops → request.

mod device;
mod kernels;
mod memory;
mod ops;
mod plan;
mod request;
mod wait;

pub use device::{
    Gpu, GpuOptions, KernelFamily, MatrixUnits, Memory, TEXTURE_WIDTH, Tuning, has_512_bits,
};
pub use kernels::KERNELS;
pub use memory::{
    COLUMN_PAD, DType, Part, Place, Planned, ROW_PAD, Readback, Tensor, Weight, memory_bytes,
    row_bytes, weight_bytes,
};
pub use ops::{
    Attended, Attention, CANDIDATE_WORDS, CELL_WORDS, DrawRows, Epilogue, Input, Modulation, Norm,
    Onto, PARTIAL_WORDS, STEP_WORDS, SUM_WORDS, Sequences, Vocabulary, draw_chunks,
    partial_attention, partial_attention_bytes, planned_partials,
};
pub use plan::{Commands, KernelSource, KernelTime, Plan, Profiler, Recorder, Sent};
#[cfg(not(target_arch = "wasm32"))]
pub use wait::block_on;
