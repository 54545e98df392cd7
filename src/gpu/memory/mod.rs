//! Numbers on the device: tensors, their memory, weights in each format, and the way back to the CPU.

mod dtype;
mod format;
mod packing;
mod planned;
mod readback;
mod tensor;
mod texels;
mod upload;
mod weight;

pub use dtype::DType;
pub(crate) use format::Override;
pub use format::{COLUMN_PAD, EIGHT, PackedRow, packed_row, row_bytes};
pub use planned::{Place, Planned};
pub use readback::Readback;
pub use tensor::{ROW_PAD, Tensor};
pub use weight::{Part, Weight};
