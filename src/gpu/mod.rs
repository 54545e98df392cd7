//! wgpu, wrapped: devices, tensors, plans and one method per kernel. Knows nothing of models.

mod commands;
mod device;
mod ops;
mod plan;
mod profile;
mod tensor;

pub use commands::{Commands, Readback};
pub use device::{Gpu, GpuOptions, KernelFamily};
pub use ops::KERNELS;
pub use plan::{KernelSource, Plan, Recorder};
pub use profile::{KernelTime, Profiler};
pub use tensor::{COLUMN_PAD, DType, ROW_PAD, Tensor};
