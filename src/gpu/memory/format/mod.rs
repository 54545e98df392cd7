//! The table of weight formats. A new format is a file here, a row of [`FORMATS`], a [`DType`], and
//! its branch in `weights.wgsl`.

mod f16;
mod f32;
mod packed;
mod panels;
mod q4;
mod q8;

use crate::gpu::memory::dtype::DType;
use crate::{Error, Result};

pub use packed::{PackedRow, packed_row};
pub use panels::{COLUMN_PAD, EIGHT};
pub(crate) use panels::{Format, Override};

static FORMATS: [&dyn Format; 4] = [&f32::F32, &f16::F16, &q8::Q8, &q4::Q4];

/// The format of weights of a type.
///
/// # Errors
/// [`Error::Request`] if there is none.
pub(crate) fn format_of(dtype: DType) -> Result<&'static dyn Format> {
    let format = FORMATS.into_iter().find(|format| format.dtype() == dtype);
    format.ok_or_else(|| {
        let name = format!("{dtype:?}").to_lowercase();
        Error::request(format!("weights cannot be held in {name}, expected f32, f16, q8 or q4"))
    })
}

/// Bytes of a row of `k` numbers of a weight, scales included.
pub fn row_bytes(k: usize, dtype: DType) -> usize {
    format_of(dtype).map_or(k * dtype.bytes(), |format| format.row_bytes(k))
}
