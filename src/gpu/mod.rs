//! wgpu, wrapped: devices, memory, plans and one method per kernel. Knows nothing of models. Inside,
//! each knows only those before it: wait → device → memory → plan → kernels → ops → request.

mod device;
mod kernels;
mod memory;
mod ops;
mod plan;
mod request;
mod wait;

pub(crate) use device::PerAdapter;
pub use device::{Gpu, GpuOptions, KernelFamily, MatrixUnits, Memory, Tile, Tuning, has_512_bits};
pub use kernels::KERNELS;
pub use memory::{DType, Part, Place, Planned, Readback, Tensor, Weight};
pub use ops::{
    Activation, Adam, Attended, Attention, BackwardAttention, BlockCells, Choice, DrawRows,
    Dropout, Epilogue, Gate, HeadNorm, Input, Modulation, Norm, NormGradients, Onto, RmsNorm,
    Sequences, SimplexCells, Vocabulary, column_sums_room, partial_attention,
    partial_attention_bytes, weight_gradient_room,
};
pub use plan::{
    Commands, Dispatched, KernelSource, KernelTime, Pace, Plan, Profiler, Recorder, Sent,
};
#[cfg(not(target_arch = "wasm32"))]
pub use wait::block_on;
pub(crate) use wait::breathe;

/// Numbers of the memory layout that the shaders expect: padding, and words of a row.
pub mod layout {
    pub use crate::gpu::device::TEXTURE_WIDTH;
    pub use crate::gpu::memory::{COLUMN_PAD, EIGHT, PackedRow, ROW_PAD, packed_row, row_bytes};
    pub use crate::gpu::ops::{
        CELL_WORDS, OUTCOME_WORDS, PARTIAL_WORDS, RATE_WORDS, STEP_WORDS, SUM_WORDS, draw_chunks,
        likely_words, square_chunks,
    };
}
