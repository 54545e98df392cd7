//! Buffers with a shape. A tensor's buffer may be longer than its shape: activations are padded
//! to whole tiles so that kernels need no bounds checks on rows.

use bytemuck::Pod;

use crate::gpu::Gpu;
use crate::{Error, Result};

/// Rows of activations are padded to a multiple of this, the tallest tile of any kernel.
pub const ROW_PAD: usize = 64;
/// Rows of weights (outputs of a matrix product) are padded to a multiple of this.
pub const COLUMN_PAD: usize = 64;

/// How a tensor's numbers lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// 32-bit floats.
    F32,
    /// 16-bit floats, two to a 32-bit word.
    F16,
    /// 32-bit unsigned integers.
    U32,
}

impl DType {
    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            DType::F32 | DType::U32 => 4,
            DType::F16 => 2,
        }
    }
}

/// A shaped buffer on the device. Cheap to clone; clones share the buffer.
#[derive(Clone, Debug)]
pub struct Tensor {
    label: String,
    buffer: wgpu::Buffer,
    offset: u64,
    shape: Vec<usize>,
    dtype: DType,
}

impl Tensor {
    /// A zeroed tensor whose first dimension is padded to a multiple of `pad_rows`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the adapter cannot bind it whole.
    pub fn padded(
        gpu: &Gpu,
        label: &str,
        shape: &[usize],
        dtype: DType,
        pad_rows: usize,
    ) -> Result<Tensor> {
        let rows = shape.first().copied().unwrap_or(1).next_multiple_of(pad_rows);
        let row: usize = shape.iter().skip(1).product();
        let size = ((rows * row * dtype.bytes()) as u64).next_multiple_of(16).max(16);
        let limit = gpu.max_binding_bytes();
        if size > limit {
            let advice = "try a smaller --batch or --length, or another adapter";
            return Err(Error::TooLarge { what: label.into(), got: size, limit, advice });
        }
        let scope = gpu.device().push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage: wgpu::BufferUsages::STORAGE
                | wgpu::BufferUsages::COPY_SRC
                | wgpu::BufferUsages::COPY_DST
                | if size <= UNIFORM_BYTES {
                    wgpu::BufferUsages::UNIFORM
                } else {
                    wgpu::BufferUsages::empty()
                },
            mapped_at_creation: false,
        });
        if pollster::block_on(scope.pop()).is_some() {
            return Err(Error::OutOfMemory(format!("{label} needs {size} bytes")));
        }
        Ok(Tensor { label: label.into(), buffer, offset: 0, shape: shape.to_vec(), dtype })
    }

    /// A zeroed activation tensor, its rows padded to [`ROW_PAD`].
    ///
    /// # Errors
    /// As [`Tensor::padded`].
    pub fn activation(gpu: &Gpu, label: &str, shape: &[usize]) -> Result<Tensor> {
        Tensor::padded(gpu, label, shape, DType::F32, ROW_PAD)
    }

    /// A tensor with the given numbers.
    ///
    /// # Errors
    /// As [`Tensor::padded`], and [`Error::Shape`] if the count is not the shape's.
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

    /// Overwrites the tensor from its beginning. Takes effect before the next submit.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are more numbers than the buffer holds.
    pub fn write<T: Pod>(&self, gpu: &Gpu, data: &[T]) -> Result<()> {
        let bytes: &[u8] = bytemuck::cast_slice(data);
        if self.offset + bytes.len() as u64 > self.buffer.size() {
            return Err(self.misfit(&[data.len()]));
        }
        // One large write stages the whole of it at once: chunks with a submit each are faster.
        for (i, chunk) in bytes.chunks(UPLOAD_CHUNK_BYTES).enumerate() {
            if i > 0 {
                gpu.queue().submit([]);
            }
            let at = self.offset + (i * UPLOAD_CHUNK_BYTES) as u64;
            gpu.queue().write_buffer(&self.buffer, at, chunk);
        }
        Ok(())
    }

    /// Rows `from .. from + count`, sharing the buffer. `from` must be a multiple of 64, so that
    /// the view begins where a binding can.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are fewer rows, or a binding cannot begin there.
    pub fn rows(&self, from: usize, count: usize) -> Result<Tensor> {
        let row: usize = self.shape.iter().skip(1).product();
        let mut shape = self.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = count;
        }
        let offset = self.offset + (from * row * self.dtype.bytes()) as u64;
        if from + count > self.dim(0) || !offset.is_multiple_of(BINDING_ALIGN) {
            return Err(self.misfit(&[from + count]));
        }
        Ok(Tensor { offset, shape, ..self.clone() })
    }

    /// The error for this tensor having another shape than `wanted`.
    pub fn misfit(&self, wanted: &[usize]) -> Error {
        Error::Shape { what: self.label.clone(), got: self.shape.clone(), wanted: wanted.to_vec() }
    }

    /// Fails unless the tensor has exactly this shape.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn expect(&self, wanted: &[usize]) -> Result<()> {
        if self.shape == wanted { Ok(()) } else { Err(self.misfit(wanted)) }
    }

    /// The name that errors and profilers show.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The shape, without padding.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// One dimension; 1 beyond the last.
    pub fn dim(&self, axis: usize) -> usize {
        self.shape.get(axis).copied().unwrap_or(1)
    }

    /// The number format.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The buffer, padding included.
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// What a bind group entry points at: the buffer from this tensor's first row on.
    pub fn binding(&self) -> wgpu::BindingResource<'_> {
        let (buffer, offset) = (&self.buffer, self.offset);
        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size: None })
    }

    /// Bytes from the buffer's beginning to the first row.
    pub fn offset_bytes(&self) -> u64 {
        self.offset
    }

    /// Bytes on the device, padding included.
    pub fn size_bytes(&self) -> u64 {
        self.buffer.size()
    }
}

/// The strictest alignment of storage bindings that WebGPU allows an adapter to ask for.
const BINDING_ALIGN: u64 = 256;
const UPLOAD_CHUNK_BYTES: usize = 8 << 20;
/// Buffers up to this size can be bound as uniforms too.
const UNIFORM_BYTES: u64 = 256;
