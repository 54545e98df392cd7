//! Weights of linear layers and embedding tables, in the format they are held in on the device
//! and in parts that the adapter can bind.
//!
//! Rows lie in panels: the first eight numbers of each row of a panel, then the next eight of each,
//! and so on. A panel of one row is the matrix as it was; wider ones let a kernel that owns many
//! rows read memory from beginning to end.

use half::f16;

use crate::Result;
use crate::gpu::kernels::{product_memory, weight_panel};
use crate::gpu::tensor::{COLUMN_PAD, DType, Tensor, memory_bytes};
use crate::gpu::{Gpu, KernelFamily};

/// A matrix `[N, K]`, cut by rows into parts below the adapter's binding limit.
#[derive(Clone, Debug)]
pub struct Weight {
    shape: [usize; 2],
    dtype: DType,
    panel: usize,
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
        let (panel, memory) = (weight_panel(gpu.kernels()), product_memory(gpu.kernels()));
        let mut parts = Vec::new();
        let per_part = gpu.max_bytes(memory) as usize / (k * dtype.bytes()).max(1);
        let per_part = (per_part / COLUMN_PAD * COLUMN_PAD).max(COLUMN_PAD);
        for first in (0..n).step_by(per_part) {
            let count = per_part.min(n - first);
            let table = Tensor::in_memory(gpu, memory, label, &[count, k], dtype, COLUMN_PAD)?;
            let rows = data.get(first * k..(first + count) * k);
            let rows = rows.ok_or_else(|| table.misfit(&[data.len() / k.max(1), k]))?;
            match dtype {
                DType::F16 => table.write(gpu, &panels(rows, k, panel, f16::from_f32))?,
                _ => table.write(gpu, &panels(rows, k, panel, |x| x))?,
            }
            parts.push(Part { first, table });
        }
        Ok(Weight { shape, dtype, panel, parts })
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
                chunks.push((part.first + from, Weight { shape, parts, ..*self }));
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

    /// Rows that lie together.
    pub fn panel(&self) -> usize {
        self.panel
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

/// Numbers of a row that stay together, as many as kernels load at a time.
const EIGHT: usize = 8;

/// Bytes that a matrix takes on the device, padding included.
pub fn weight_bytes([n, k]: [usize; 2], dtype: DType, kernels: KernelFamily) -> u64 {
    memory_bytes(product_memory(kernels), n.next_multiple_of(COLUMN_PAD) * k, dtype)
}

/// Rows `[n, k]` in panels, each number converted; the last panel is filled up with zeros.
fn panels<T: Copy + Default>(
    rows: &[f32],
    k: usize,
    panel: usize,
    number: impl Fn(f32) -> T,
) -> Vec<T> {
    if panel == 1 {
        return rows.iter().map(|&x| number(x)).collect();
    }
    let n = rows.len() / k.max(1);
    let mut numbers = vec![T::default(); n.next_multiple_of(panel) * k];
    for (panel_of_rows, there) in rows.chunks(panel * k).zip(numbers.chunks_mut(panel * k)) {
        for (i, row) in panel_of_rows.chunks(k).enumerate() {
            for (eight, there) in row.chunks(EIGHT).zip(there.chunks_mut(panel * EIGHT)) {
                for (&x, there) in eight.iter().zip(there.iter_mut().skip(i * EIGHT)) {
                    *there = number(x);
                }
            }
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_holds_eight_numbers_of_each_row_then_the_next_eight() {
        let rows: Vec<f32> = (0..3 * 16).map(|i| i as f32).collect();
        let numbers = panels(&rows, 16, 2, |x| x as u32);
        let eight = |first: u32| first..first + 8;
        let wanted: Vec<u32> = [0, 16, 8, 24, 32].into_iter().flat_map(eight).collect();
        assert_eq!(numbers[..40], wanted);
        assert_eq!(numbers[40..], [[0; 8], [40, 41, 42, 43, 44, 45, 46, 47], [0; 8]].concat());
        assert_eq!(panels(&rows, 16, 1, |x| x), rows);
    }
}
