//! Devices: requested or adopted, what they can do, and what was chosen for them. Knows no tensor.

mod compiled;
mod family;
mod gpu;
mod limits;
mod open;
mod options;
mod per_adapter;
mod traits;
mod tuning;
mod units;

pub(crate) use compiled::Key;
pub use family::{KernelFamily, has_512_bits};
pub use gpu::Gpu;
pub(crate) use limits::{LINE_BYTES, TEXEL_BYTES};
pub use limits::{Memory, TEXTURE_WIDTH};
pub(crate) use open::Chosen;
pub use options::GpuOptions;
pub(crate) use per_adapter::PerAdapter;
pub use tuning::{Tile, Tuning};
pub use units::MatrixUnits;
