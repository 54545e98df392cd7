//! Weights of linear layers and embedding tables, in one of the formats and in parts that the adapter
//! can bind.

use std::ops::Range;

use crate::gpu::device::Gpu;
use crate::gpu::memory::dtype::DType;
use crate::gpu::memory::format::{COLUMN_PAD, EIGHT, Format, Override, format_of};
use crate::gpu::memory::packing;
use crate::gpu::memory::planned::Planned;
use crate::gpu::memory::tensor::Tensor;
use crate::gpu::memory::upload::Upload;
use crate::{Error, Result};

/// Bytes of f32 that are read at a time.
const READ_BYTES: usize = 8 << 20;

/// A matrix `[N, K]`, cut by rows into parts below the adapter's binding limit.
#[derive(Clone, Debug)]
pub struct Weight {
    shape: [usize; 2],
    format: &'static dyn Format,
    panel: usize,
    /// Whether the table holds `[K, N]`.
    transposed: bool,
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
    /// Uploads a matrix from rows that are read a few MiB at a time, so that the CPU never holds all
    /// of it: `read` appends the rows of a range, n in all, in order.
    ///
    /// # Shapes
    /// Rows of `k` numbers, a multiple of 8.
    /// # Errors
    /// Those of `read`; [`Error::Shape`] if it appends another count of numbers or `k` does not fit,
    /// [`Error::Request`] for a format that weights are not held in, [`Error::TooLarge`],
    /// [`Error::OutOfMemory`].
    pub fn stream(
        gpu: &Gpu,
        label: &str,
        shape: [usize; 2],
        dtype: DType,
        mut read: impl FnMut(Range<usize>, &mut Vec<f32>) -> Result<()>,
    ) -> Result<Weight> {
        let ([n, k], format) = (shape, format_of(dtype)?);
        if k == 0 || !k.is_multiple_of(EIGHT) {
            let wanted = vec![n, k.max(1).next_multiple_of(EIGHT)];
            return Err(Error::Shape { what: label.into(), got: shape.to_vec(), wanted });
        }
        let panel = format.panel(gpu.kernels(), gpu.subgroup_lanes());
        let whole_panels = |rows: usize| (rows / COLUMN_PAD * COLUMN_PAD).max(COLUMN_PAD);
        let limit = gpu.max_bytes(gpu.kernels().product_memory());
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let per_part = whole_panels(limit / format.row_bytes(k));
        let at_once = whole_panels(READ_BYTES / (k * size_of::<f32>()));
        let (mut parts, mut numbers) = (Vec::new(), Vec::new());
        for first in (0..n).step_by(per_part) {
            let end = n.min(first + per_part);
            let table = Planned::weight(label, [end - first, k], dtype).make(gpu)?;
            let mut upload = Upload::new(gpu, &table);
            for from in (first..end).step_by(at_once) {
                let rows = from..end.min(from + at_once);
                let count = rows.len();
                numbers.clear();
                read(rows, &mut numbers)?;
                if numbers.len() != count * k {
                    let (what, got) = (label.into(), vec![numbers.len()]);
                    return Err(Error::Shape { what, got, wanted: vec![count * k] });
                }
                upload.push(|bytes| packing::pack(format, (&numbers, k), panel, bytes))?;
            }
            upload.finish();
            parts.push(Part { first, table });
        }
        Ok(Weight { shape, format, panel, transposed: false, parts })
    }

    /// Uploads a matrix that the CPU holds.
    ///
    /// # Shapes
    /// `data` `[n, k]`, row-major; k a multiple of 8.
    /// # Errors
    /// As [`Weight::stream`].
    pub fn upload(
        gpu: &Gpu,
        label: &str,
        shape: [usize; 2],
        dtype: DType,
        data: &[f32],
    ) -> Result<Weight> {
        let k = shape[1];
        Weight::stream(gpu, label, shape, dtype, |rows, numbers| {
            numbers.extend_from_slice(data.get(rows.start * k..rows.end * k).unwrap_or_default());
            Ok(())
        })
    }

    /// A matrix `[N, K]` of f32 that is on the device, row by row, in memory that products read, see
    /// [`Tensor::multiplied`], with room for a multiple of [`COLUMN_PAD`] rows. They share the memory.
    ///
    /// # Errors
    /// [`Error::Shape`] if the tensor is no such matrix.
    pub fn of(table: &Tensor) -> Result<Weight> {
        let (n, k) = (table.dim(0), table.dim(1));
        let is_matrix = table.shape().len() == 2 && table.dtype() == DType::F32;
        let has_room = table.holds_rows(n.next_multiple_of(COLUMN_PAD));
        if !is_matrix || !has_room || k == 0 || !k.is_multiple_of(EIGHT) {
            let wanted = [n.next_multiple_of(COLUMN_PAD), k.max(1).next_multiple_of(EIGHT)];
            return Err(table.misfit(&wanted));
        }
        let (format, parts) =
            (format_of(DType::F32)?, vec![Part { first: 0, table: table.clone() }]);
        Ok(Weight { shape: [n, k], format, panel: 1, transposed: false, parts })
    }

    /// The matrix of [`Weight::of`] the other way round, `[K, N]`: for the product of a gradient with the
    /// weight. It has N padded to a multiple of 8, and shares the memory.
    ///
    /// # Errors
    /// [`Error::Shape`] for another matrix than that of [`Weight::of`].
    pub fn transposed(&self) -> Result<Weight> {
        let ([n, k], [part]) = (self.shape, &self.parts[..]) else {
            let what = "a transposed weight".into();
            return Err(Error::Shape { what, got: vec![self.parts.len()], wanted: vec![1] });
        };
        if self.dtype() != DType::F32 || self.panel != 1 || self.transposed {
            return Err(part.table.misfit(&[k, n]));
        }
        let shape = [k, n.next_multiple_of(EIGHT)];
        Ok(Weight { shape, transposed: true, ..self.clone() })
    }

    /// Whether the table holds `[K, N]`.
    pub(crate) fn is_transposed(&self) -> bool {
        self.transposed
    }

    /// Outputs of a part's product.
    pub(crate) fn outputs(&self, part: &Part) -> usize {
        part.table.dim(usize::from(self.transposed))
    }

    /// The matrix cut by rows into matrices of at most `rows` rows, a multiple of [`COLUMN_PAD`], with
    /// the index of each one's first row. They share its memory.
    ///
    /// # Errors
    /// [`Error::Shape`] if `rows` is zero or no multiple of [`COLUMN_PAD`].
    pub fn chunks(&self, rows: usize) -> Result<Vec<(usize, Weight)>> {
        if rows == 0 || !rows.is_multiple_of(COLUMN_PAD) || self.transposed {
            let (what, got) = ("rows of a chunk".to_string(), vec![rows]);
            let wanted = vec![(rows / COLUMN_PAD).max(1) * COLUMN_PAD];
            return Err(Error::Shape { what, got, wanted });
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

    /// The format of the numbers.
    pub fn dtype(&self) -> DType {
        self.format.dtype()
    }

    /// The overrides with which `weights.wgsl` reads it.
    pub(crate) fn overrides(&self) -> Vec<Override> {
        let [n, k] = self.shape.map(|side| side as f64);
        match self.transposed {
            true => vec![("K", k), ("TABLE_STRIDE", n)],
            false => {
                let panel = ("PANEL", self.panel as f64);
                self.format.overrides(self.shape[1]).into_iter().chain([panel]).collect()
            }
        }
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
