//! Weights of linear layers and embedding tables, in the format they are held in on the device
//! and in parts that the adapter can bind.

use half::f16;

use crate::Result;
use crate::gpu::Gpu;
use crate::gpu::tensor::{COLUMN_PAD, DType, Tensor};

/// A matrix `[N, K]`, cut by rows into parts below the adapter's binding limit.
#[derive(Clone, Debug)]
pub struct Weight {
    shape: [usize; 2],
    dtype: DType,
    parts: Vec<Part>,
}

/// Rows `first ..` of a weight.
#[derive(Clone, Debug)]
pub struct Part {
    /// Index of the first row.
    pub first: usize,
    /// The rows.
    pub table: Tensor,
}

impl Weight {
    /// Uploads a matrix, row by row, converted to `dtype`.
    ///
    /// # Shapes
    /// `data` `[n, k]`, row-major; k a multiple of 8.
    /// # Errors
    /// [`crate::Error::Shape`], [`crate::Error::TooLarge`], [`crate::Error::OutOfMemory`].
    pub fn upload(
        gpu: &Gpu,
        label: &str,
        shape: [usize; 2],
        dtype: DType,
        data: &[f32],
    ) -> Result<Weight> {
        let [n, k] = shape;
        let mut parts = Vec::new();
        for first in (0..n).step_by(rows_per_part(gpu, k, dtype)) {
            let count = rows_per_part(gpu, k, dtype).min(n - first);
            let table = Tensor::padded(gpu, label, &[count, k], dtype, COLUMN_PAD)?;
            let rows = data.get(first * k..(first + count) * k);
            let rows = rows.ok_or_else(|| table.misfit(&[data.len() / k.max(1), k]))?;
            write_as(gpu, &table, rows)?;
            parts.push(Part { first, table });
        }
        Ok(Weight { shape, dtype, parts })
    }

    /// The matrix cut by rows into matrices of at most `rows` rows, a multiple of 64, with the
    /// index of each one's first row. They share its memory.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if `rows` is no multiple of 64.
    pub fn chunks(&self, rows: usize) -> Result<Vec<(usize, Weight)>> {
        let mut chunks = Vec::new();
        for part in &self.parts {
            let n = part.table.dim(0);
            for from in (0..n).step_by(rows) {
                let table = part.table.rows(from, rows.min(n - from))?;
                let shape = [table.dim(0), self.shape[1]];
                let parts = vec![Part { first: 0, table }];
                chunks.push((part.first + from, Weight { shape, dtype: self.dtype, parts }));
            }
        }
        Ok(chunks)
    }

    /// Rows and columns, `[N, K]`.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// How the numbers are held.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The parts, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Bytes on the device, padding included.
    pub fn size_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.table.size_bytes()).sum()
    }
}

/// Bytes that a matrix takes on the device, padding included.
pub fn weight_bytes([n, k]: [usize; 2], dtype: DType) -> u64 {
    (n.next_multiple_of(COLUMN_PAD) * k * dtype.bytes()) as u64
}

fn rows_per_part(gpu: &Gpu, k: usize, dtype: DType) -> usize {
    let rows = gpu.max_binding_bytes() as usize / (k * dtype.bytes()).max(1);
    (rows / COLUMN_PAD * COLUMN_PAD).max(COLUMN_PAD)
}

fn write_as(gpu: &Gpu, table: &Tensor, data: &[f32]) -> Result<()> {
    if table.dtype() == DType::F32 {
        return table.write(gpu, data);
    }
    let halves: Vec<f16> = data.iter().map(|&x| f16::from_f32(x)).collect();
    table.write(gpu, &halves)
}
