//! Weights of linear layers and embedding tables, in the format they are held in on the device
//! and in parts that the adapter can bind.

use half::f16;

use crate::gpu::kernels::{product_memory, weight_panel};
use crate::gpu::panels::{panels, q8_panels, row_bytes};
use crate::gpu::planned::Planned;
use crate::gpu::tensor::{COLUMN_PAD, DType, Tensor};
use crate::gpu::{Gpu, KernelFamily};
use crate::{Error, Result};

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
        let panel = weight_panel(gpu, dtype);
        let mut parts = Vec::new();
        let limit = gpu.max_bytes(product_memory(gpu.kernels()));
        let per_part = limit as usize / row_bytes(k, dtype).max(1);
        let per_part = (per_part / COLUMN_PAD * COLUMN_PAD).max(COLUMN_PAD);
        for first in (0..n).step_by(per_part) {
            let count = per_part.min(n - first);
            let table = Planned::weight(label, [count, k], dtype).make(gpu)?;
            let rows = data.get(first * k..(first + count) * k);
            let rows = rows.ok_or_else(|| table.misfit(&[data.len() / k.max(1), k]))?;
            match dtype {
                DType::F16 => table.write(gpu, &panels(rows, k, panel, f16::from_f32))?,
                DType::Q8 => table.write(gpu, &q8_panels(rows, k, panel))?,
                _ => table.write(gpu, &panels(rows, k, panel, |x| x))?,
            }
            parts.push(Part { first, table });
        }
        Ok(Weight { shape, dtype, panel, parts })
    }

    /// The matrix cut by rows into matrices of at most `rows` rows, a multiple of [`COLUMN_PAD`], with
    /// the index of each one's first row. They share its memory.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if `rows` is no multiple of [`COLUMN_PAD`].
    pub fn chunks(&self, rows: usize) -> Result<Vec<(usize, Weight)>> {
        if !rows.is_multiple_of(COLUMN_PAD) {
            let (what, got) = ("rows of a chunk".to_string(), vec![rows]);
            return Err(Error::Shape {
                what,
                got,
                wanted: vec![rows.next_multiple_of(COLUMN_PAD)],
            });
        }
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

/// Bytes that a matrix takes on the device, padding included; in several parts up to 64 KiB more
/// for each.
pub fn weight_bytes(shape: [usize; 2], dtype: DType, kernels: KernelFamily) -> u64 {
    Planned::weight("", shape, dtype).bytes(kernels)
}

impl Weight {
    /// stub
    pub fn stream(gpu: &Gpu, label: &str, shape: [usize; 2], dtype: DType, mut rows: impl FnMut(std::ops::Range<usize>, &mut Vec<f32>) -> Result<()>) -> Result<Weight> {
        let mut all = Vec::new();
        rows(0..shape[0], &mut all)?;
        Weight::upload(gpu, label, shape, dtype, &all)
    }
}
