//! Numbers on the device, with a shape. A tensor's memory may be longer than its shape: activations
//! are padded to whole tiles so that kernels need no bounds checks on rows.

use bytemuck::Pod;

use crate::gpu::Gpu;
use crate::gpu::texels::{self, LINE_BYTES, TEXEL_BYTES};
use crate::{Error, Result};

/// Rows of activations are padded to a multiple of this, the tallest tile of any kernel.
pub const ROW_PAD: usize = 64;
/// Rows of weights (outputs of a matrix product) are padded to a multiple of this.
pub const COLUMN_PAD: usize = 128;

/// How a tensor's numbers lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// 32-bit floats.
    F32,
    /// 16-bit floats, two to a 32-bit word.
    F16,
    /// 8-bit integers with scales, weights only: see [`crate::gpu::Weight`].
    Q8,
    /// 32-bit unsigned integers.
    U32,
}

impl DType {
    /// How keys and values are held beside weights of this format.
    pub fn cached(self) -> DType {
        match self {
            DType::F32 => DType::F32,
            DType::F16 | DType::Q8 | DType::U32 => DType::F16,
        }
    }

    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            DType::F32 | DType::U32 => 4,
            DType::F16 => 2,
            DType::Q8 => 1,
        }
    }
}

/// What a tensor's numbers lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// A buffer.
    Buffer,
    /// The texels of a storage texture, 16 bytes each, line after line. Software adapters load a
    /// texel three times as fast as as many bytes of a buffer.
    Texels,
}

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
        let scope = gpu.device().push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let store = match memory {
            Memory::Buffer => buffer(gpu, label, bytes),
            Memory::Texels => {
                let texture = texels::create(gpu, label, bytes);
                let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
                Store::Texels(texture, view)
            }
        };
        if pollster::block_on(scope.pop()).is_some() {
            return Err(Error::OutOfMemory(format!("{label} needs {bytes} bytes")));
        }
        Ok(Tensor { label: label.into(), store, offset: 0, shape: shape.to_vec(), dtype })
    }

    /// Overwrites the tensor from its beginning. Takes effect before the next submit.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are more numbers than it has room for; in texels also if they are
    /// no multiple of 16 bytes, or the tensor is a view from the middle of a line.
    pub fn write<T: Pod>(&self, gpu: &Gpu, data: &[T]) -> Result<()> {
        let bytes: &[u8] = bytemuck::cast_slice(data);
        if self.offset + bytes.len() as u64 > self.size_bytes() {
            return Err(self.misfit(&[data.len()]));
        }
        let is_whole = bytes.len().is_multiple_of(TEXEL_BYTES as usize);
        if self.memory() == Memory::Texels && !(self.begins_a_line() && is_whole) {
            return Err(self.misfit(&[data.len()]));
        }
        // One large write stages the whole of it at once: chunks with a submit each are faster.
        for (i, chunk) in bytes.chunks(UPLOAD_CHUNK_BYTES).enumerate() {
            if i > 0 {
                gpu.queue().submit([]);
            }
            let at = self.offset + (i * UPLOAD_CHUNK_BYTES) as u64;
            match &self.store {
                Store::Buffer(buffer) => gpu.queue().write_buffer(buffer, at, chunk),
                Store::Texels(texture, _) => texels::write(gpu, texture, at, chunk),
            }
        }
        Ok(())
    }

    /// Rows `from .. from + count`, sharing the memory. `from` must be a multiple of 64, so that
    /// the view begins where a binding can; kernels skip what a texture holds before it.
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

    /// What its numbers lie in.
    pub fn memory(&self) -> Memory {
        match self.store {
            Store::Buffer(_) => Memory::Buffer,
            Store::Texels(..) => Memory::Texels,
        }
    }

    /// What a bind group entry points at: a buffer from this tensor's first row on, or a whole
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
    pub fn skipped_texels(&self) -> u64 {
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
    /// [`Error::Shape`] for texels behind the first line.
    pub(crate) fn encode_fill(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        (from, at): (&wgpu::Buffer, u64),
        bytes: u64,
    ) -> Result<()> {
        match &self.store {
            Store::Buffer(to) => encoder.copy_buffer_to_buffer(from, at, to, self.offset, bytes),
            Store::Texels(to, _) if self.offset == 0 && bytes <= LINE_BYTES => {
                texels::encode_fill(encoder, (from, at), to, bytes);
            }
            Store::Texels(..) => return Err(self.misfit(&[bytes as usize])),
        }
        Ok(())
    }

    /// Bytes that [`Tensor::encode_copy`] copies for so many wanted ones.
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

    /// Whether there are so many rows from the first on, padding included.
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

/// Bytes that so many numbers take in a memory.
pub fn memory_bytes(memory: Memory, numbers: usize, dtype: DType) -> u64 {
    let bytes = ((numbers * dtype.bytes()) as u64).next_multiple_of(16).max(16);
    match memory {
        Memory::Buffer => bytes,
        Memory::Texels => bytes.next_multiple_of(LINE_BYTES),
    }
}

fn buffer(gpu: &Gpu, label: &str, size: u64) -> Store {
    let uniform = match size <= UNIFORM_BYTES {
        true => wgpu::BufferUsages::UNIFORM,
        false => wgpu::BufferUsages::empty(),
    };
    Store::Buffer(gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size,
        usage: wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_SRC
            | wgpu::BufferUsages::COPY_DST
            | uniform,
        mapped_at_creation: false,
    }))
}

/// The strictest alignment of storage bindings that WebGPU allows an adapter to ask for.
const BINDING_ALIGN: u64 = 256;
/// Whole lines of textures.
const UPLOAD_CHUNK_BYTES: usize = 8 << 20;
/// Buffers up to this size can be bound as uniforms too.
const UNIFORM_BYTES: u64 = 256;
