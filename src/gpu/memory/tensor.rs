//! Numbers on the device, with a shape. A tensor's memory may be longer than its shape: activations
//! are padded to whole tiles so that kernels need no bounds checks on rows.

use crate::gpu::device::{Gpu, LINE_BYTES, Memory, TEXEL_BYTES};
use crate::gpu::memory::dtype::DType;
use crate::gpu::memory::texels;
use crate::gpu::wait::scoped;
use crate::{Error, Result};

/// Rows of activations are padded to a multiple of this, the tallest tile of any kernel.
pub const ROW_PAD: usize = 64;

#[derive(Clone, Debug)]
enum Store {
    Buffer(wgpu::Buffer),
    Texels(wgpu::Texture, wgpu::TextureView),
}

/// Numbers on the device. Cheap to clone; clones share the memory.
#[derive(Clone, Debug)]
pub struct Tensor {
    label: String,
    store: Store,
    offset: u64,
    shape: Vec<usize>,
    dtype: DType,
}

impl Tensor {
    /// A zeroed tensor of `bytes` bytes in a memory, at least those of its shape.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the adapter cannot bind it whole, [`Error::OutOfMemory`].
    pub(crate) fn allocate(
        gpu: &Gpu,
        label: &str,
        (memory, bytes): (Memory, u64),
        shape: &[usize],
        dtype: DType,
    ) -> Result<Tensor> {
        let limit = gpu.max_bytes(memory);
        if bytes > limit {
            let what = label.to_string();
            return Err(Error::TooLarge { what, got: bytes, unit: "bytes", limit });
        }
        let make = || match memory {
            Memory::Buffer => Store::Buffer(buffer(gpu, label, bytes)),
            Memory::Texels => {
                let texture = texels::create(gpu, label, bytes);
                let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
                Store::Texels(texture, view)
            }
        };
        let (store, error) = scoped(gpu.device(), wgpu::ErrorFilter::OutOfMemory, make);
        if error.is_some() {
            return Err(Error::OutOfMemory(format!("{label} needs {bytes} bytes")));
        }
        Ok(Tensor { label: label.into(), store, offset: 0, shape: shape.to_vec(), dtype })
    }

    /// Writes bytes from byte `at` on, before the next submit: in texels from the beginning of a line.
    pub(super) fn write_at(&self, gpu: &Gpu, at: u64, bytes: &[u8]) {
        let at = self.offset + at;
        match &self.store {
            Store::Buffer(buffer) => gpu.queue().write_buffer(buffer, at, bytes),
            Store::Texels(texture, _) => texels::write(gpu, texture, at, bytes),
        }
    }

    /// Fails unless `bytes` bytes can be written from the beginning on.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub(super) fn expect_room(&self, bytes: u64) -> Result<()> {
        let is_whole = bytes.is_multiple_of(TEXEL_BYTES);
        let begins = self.memory() == Memory::Buffer || self.begins_a_line() && is_whole;
        if self.offset + bytes > self.size_bytes() || !begins {
            return Err(self.misfit(&[bytes as usize / self.dtype.bytes()]));
        }
        Ok(())
    }

    /// Rows `from .. from + count`, sharing the memory. The view must begin at a multiple of 256
    /// bytes, where a binding can begin; a multiple of 64 rows always does. Kernels skip what a
    /// texture holds before it.
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

    /// Numbers `at ..` as a tensor of its own, sharing the memory, which must begin at a multiple of 256
    /// bytes.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are fewer numbers, or a binding cannot begin there.
    pub fn part(&self, label: &str, at: usize, shape: &[usize]) -> Result<Tensor> {
        let count = shape.iter().product::<usize>();
        let offset = self.offset + (at * self.dtype.bytes()) as u64;
        let is_there = at + count <= self.shape.iter().product();
        if !is_there || !offset.is_multiple_of(BINDING_ALIGN) {
            return Err(self.misfit(&[at + count]));
        }
        Ok(Tensor { label: label.into(), offset, shape: shape.to_vec(), ..self.clone() })
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

    /// The memory that it is in.
    pub fn memory(&self) -> Memory {
        match self.store {
            Store::Buffer(_) => Memory::Buffer,
            Store::Texels(..) => Memory::Texels,
        }
    }

    /// The resource of a bind group entry: a buffer from this tensor's first row on, or a whole
    /// texture.
    pub fn binding(&self) -> wgpu::BindingResource<'_> {
        let offset = self.offset;
        match &self.store {
            Store::Buffer(buffer) => {
                wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size: None })
            }
            Store::Texels(_, view) => wgpu::BindingResource::TextureView(view),
        }
    }

    /// Texels before the first row, which kernels have to skip: a view of a texture binds all of
    /// it.
    pub(crate) fn skipped_texels(&self) -> u64 {
        match self.memory() {
            Memory::Buffer => 0,
            Memory::Texels => self.offset / TEXEL_BYTES,
        }
    }

    /// Encodes a copy of `bytes` bytes from `at` on to a place in a buffer. Of a texture whole
    /// lines are copied: [`Tensor::copied_bytes`].
    ///
    /// # Errors
    /// [`Error::Shape`] for texels that do not begin a line.
    pub(crate) fn encode_copy(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        (at, bytes): (u64, u64),
        (to, to_at): (&wgpu::Buffer, u64),
    ) -> Result<()> {
        let at = self.offset + at;
        match &self.store {
            Store::Buffer(from) => encoder.copy_buffer_to_buffer(from, at, to, to_at, bytes),
            Store::Texels(from, _) if at.is_multiple_of(LINE_BYTES) => {
                texels::encode_copy(encoder, (from, at), (to, to_at), self.copied_bytes(bytes));
            }
            Store::Texels(..) => return Err(self.misfit(&[bytes as usize])),
        }
        Ok(())
    }

    fn begins_a_line(&self) -> bool {
        self.offset.is_multiple_of(LINE_BYTES)
    }

    /// Encodes a copy of bytes of a buffer to its beginning.
    ///
    /// # Errors
    /// [`Error::Shape`] for texels behind the first.
    pub(crate) fn encode_fill(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        (from, at): (&wgpu::Buffer, u64),
        bytes: u64,
    ) -> Result<()> {
        match &self.store {
            Store::Buffer(to) => encoder.copy_buffer_to_buffer(from, at, to, self.offset, bytes),
            Store::Texels(to, _) if self.offset == 0 && bytes <= self.size_bytes() => {
                texels::encode_fill(encoder, (from, at), to, bytes);
            }
            Store::Texels(..) => return Err(self.misfit(&[bytes as usize])),
        }
        Ok(())
    }

    /// Bytes that [`Tensor::encode_copy`] copies to give `bytes` bytes.
    pub(crate) fn copied_bytes(&self, bytes: u64) -> u64 {
        match self.memory() {
            Memory::Buffer => bytes,
            Memory::Texels => bytes.next_multiple_of(LINE_BYTES),
        }
    }

    /// The buffer, if it is one, and the bytes before the first row.
    pub(crate) fn buffer(&self) -> Option<(&wgpu::Buffer, u64)> {
        match &self.store {
            Store::Buffer(buffer) => Some((buffer, self.offset)),
            Store::Texels(..) => None,
        }
    }

    /// Whether there is room for `rows` rows from the first on, padding included.
    pub(crate) fn holds_rows(&self, rows: usize) -> bool {
        let row: usize = self.shape.iter().skip(1).product();
        self.offset + (rows * row * self.dtype.bytes()) as u64 <= self.size_bytes()
    }

    /// Bytes on the device, padding included.
    pub fn size_bytes(&self) -> u64 {
        match &self.store {
            Store::Buffer(buffer) => buffer.size(),
            Store::Texels(texture, _) => u64::from(texture.height()) * LINE_BYTES,
        }
    }
}

/// More bytes than any device has, and few enough that sums over all tensors of a model stay right.
const MOST_BYTES: u64 = 1 << 48;

/// Bytes that `numbers` numbers take in a memory; [`MOST_BYTES`] if more.
pub(super) fn memory_bytes(memory: Memory, numbers: usize, dtype: DType) -> u64 {
    let bytes = (numbers as u64).saturating_mul(dtype.bytes() as u64).min(MOST_BYTES);
    let bytes = bytes.next_multiple_of(16).max(16);
    match memory {
        Memory::Buffer => bytes,
        Memory::Texels => bytes.next_multiple_of(LINE_BYTES),
    }
}

fn buffer(gpu: &Gpu, label: &str, size: u64) -> wgpu::Buffer {
    let uniform = match size <= UNIFORM_BYTES {
        true => wgpu::BufferUsages::UNIFORM,
        false => wgpu::BufferUsages::empty(),
    };
    gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size,
        usage: wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_SRC
            | wgpu::BufferUsages::COPY_DST
            | uniform,
        mapped_at_creation: false,
    })
}

/// The strictest alignment of storage bindings that WebGPU allows an adapter.
const BINDING_ALIGN: u64 = 256;
/// Buffers up to this size can be bound as uniforms too.
const UNIFORM_BYTES: u64 = 256;
