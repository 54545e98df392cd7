//! Tensors before they are made. One description gives a tensor's bytes and makes the tensor, so that
//! a memory plan counts exactly what is allocated.

use bytemuck::Pod;

use crate::Result;
use crate::gpu::device::{Gpu, KernelFamily, Memory};
use crate::gpu::memory::dtype::DType;
use crate::gpu::memory::format::{COLUMN_PAD, row_bytes};
use crate::gpu::memory::tensor::{ROW_PAD, Tensor, memory_bytes};

/// A tensor to make: a row of a memory table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned<'a> {
    /// The name that errors and profilers show.
    pub label: &'a str,
    /// The shape, without padding.
    pub shape: Vec<usize>,
    /// The number format.
    pub dtype: DType,
    /// Which memory it is made in, and how its rows are padded.
    pub place: Place,
}

/// What a tensor is used for, which decides its memory and its padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A buffer; the first dimension is padded to a multiple of `pad_rows`.
    Plain {
        /// 1 for no padding.
        pad_rows: usize,
    },
    /// A buffer of rows, padded to [`ROW_PAD`].
    Activation,
    /// Rows that are multiplied with weights, padded to [`ROW_PAD`].
    Multiplied,
    /// Queries, keys or values, where attention reads them.
    Attended {
        /// Channels of a head.
        head_width: usize,
    },
    /// Rows of a weight, padded to [`COLUMN_PAD`].
    Weight,
}

impl Place {
    fn memory(self, family: KernelFamily) -> Memory {
        match self {
            Place::Plain { .. } | Place::Activation => Memory::Buffer,
            Place::Multiplied | Place::Weight => family.product_memory(),
            Place::Attended { head_width } => family.attention_memory(head_width),
        }
    }

    fn pad_rows(self) -> usize {
        match self {
            Place::Plain { pad_rows } => pad_rows,
            Place::Activation | Place::Multiplied => ROW_PAD,
            Place::Attended { .. } => 1,
            Place::Weight => COLUMN_PAD,
        }
    }
}

impl<'a> Planned<'a> {
    /// A buffer whose first dimension is padded to a multiple of `pad_rows`.
    pub fn plain(label: &'a str, shape: &[usize], dtype: DType, pad_rows: usize) -> Planned<'a> {
        Planned { label, shape: shape.to_vec(), dtype, place: Place::Plain { pad_rows } }
    }

    /// Rows of 32-bit words, padded like activations.
    pub fn words(label: &'a str, shape: &[usize]) -> Planned<'a> {
        Planned { label, shape: shape.to_vec(), dtype: DType::U32, place: Place::Activation }
    }

    /// Rows of f32.
    pub fn activation(label: &'a str, shape: &[usize]) -> Planned<'a> {
        Planned { label, shape: shape.to_vec(), dtype: DType::F32, place: Place::Activation }
    }

    /// Rows of f32 that are multiplied with weights.
    pub fn multiplied(label: &'a str, shape: &[usize]) -> Planned<'a> {
        Planned { label, shape: shape.to_vec(), dtype: DType::F32, place: Place::Multiplied }
    }

    /// Queries, keys or values of heads of this width.
    pub fn attended(
        label: &'a str,
        shape: &[usize],
        dtype: DType,
        head_width: usize,
    ) -> Planned<'a> {
        Planned { label, shape: shape.to_vec(), dtype, place: Place::Attended { head_width } }
    }

    /// The table of a weight `[n, k]`: each row with all that its format holds of it.
    pub fn weight(label: &'a str, [n, k]: [usize; 2], dtype: DType) -> Planned<'a> {
        let shape = vec![n, row_bytes(k, dtype) / dtype.bytes()];
        Planned { label, shape, dtype, place: Place::Weight }
    }

    /// Bytes on a device with kernels of this family, padding included. A weight that the device
    /// binds in several parts may take up to 64 KiB more for each.
    pub fn bytes(&self, family: KernelFamily) -> u64 {
        memory_bytes(self.place.memory(family), self.numbers(), self.dtype)
    }

    /// Makes the tensor, zeroed.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`] if the adapter cannot bind it whole,
    /// [`crate::Error::OutOfMemory`].
    pub fn make(&self, gpu: &Gpu) -> Result<Tensor> {
        let (memory, bytes) = (self.place.memory(gpu.kernels()), self.bytes(gpu.kernels()));
        Tensor::allocate(gpu, self.label, (memory, bytes), &self.shape, self.dtype)
    }

    /// Numbers that there is room for, padding included; the most that can be counted if more.
    fn numbers(&self) -> usize {
        let rows = self.shape.first().copied().unwrap_or(1);
        let rows = rows.checked_next_multiple_of(self.place.pad_rows()).unwrap_or(usize::MAX);
        self.shape.iter().skip(1).fold(rows, |numbers, &count| numbers.saturating_mul(count))
    }
}

impl Tensor {
    /// A zeroed tensor whose first dimension is padded to a multiple of `pad_rows`.
    ///
    /// # Errors
    /// As [`Planned::make`].
    pub fn padded(
        gpu: &Gpu,
        label: &str,
        shape: &[usize],
        dtype: DType,
        pad_rows: usize,
    ) -> Result<Tensor> {
        Planned::plain(label, shape, dtype, pad_rows).make(gpu)
    }

    /// A zeroed activation tensor, its rows padded to [`ROW_PAD`].
    ///
    /// # Errors
    /// As [`Planned::make`].
    pub fn activation(gpu: &Gpu, label: &str, shape: &[usize]) -> Result<Tensor> {
        Planned::activation(label, shape).make(gpu)
    }

    /// A zeroed tensor of rows that will be multiplied with weights, padded to [`ROW_PAD`].
    ///
    /// # Errors
    /// As [`Planned::make`].
    pub fn multiplied(gpu: &Gpu, label: &str, shape: &[usize]) -> Result<Tensor> {
        Planned::multiplied(label, shape).make(gpu)
    }

    /// A zeroed tensor of queries, keys or values, where attention over heads of this width reads
    /// them.
    ///
    /// # Errors
    /// As [`Planned::make`].
    pub fn attended(
        gpu: &Gpu,
        label: &str,
        shape: &[usize],
        dtype: DType,
        head_width: usize,
    ) -> Result<Tensor> {
        Planned::attended(label, shape, dtype, head_width).make(gpu)
    }

    /// A tensor with the given numbers.
    ///
    /// # Errors
    /// As [`Planned::make`], and [`crate::Error::Shape`] if the count is not the shape's.
    pub fn from_slice<T: Pod>(
        gpu: &Gpu,
        label: &str,
        shape: &[usize],
        dtype: DType,
        data: &[T],
    ) -> Result<Tensor> {
        let tensor = Tensor::padded(gpu, label, shape, dtype, 1)?;
        tensor.write(gpu, data)?;
        Ok(tensor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_beyond_all_numbers_is_too_large_and_not_small() {
        let bytes = |shape: &[usize]| Planned::words("x", shape).bytes(KernelFamily::Plain);
        assert_eq!(bytes(&[65, 3]), 128 * 3 * 4);
        let huge = bytes(&[usize::MAX, 2]);
        assert!(huge > 1 << 32);
        assert_eq!(bytes(&[2, usize::MAX]), huge);
        assert_eq!(bytes(&[usize::MAX, usize::MAX, 0]), 16, "no numbers");
    }
}
