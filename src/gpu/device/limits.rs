//! The two kinds of memory that tensors are made in, and how much of each a device binds at once.

/// The memory of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// A buffer.
    Buffer,
    /// The texels of a storage texture, 16 bytes each, line after line. Software adapters load a
    /// texel three times as fast as as many bytes of a buffer.
    Texels,
}

/// Bytes of a texel.
pub(crate) const TEXEL_BYTES: u64 = 16;
/// Texels of a line of every texture, as in the shaders' prelude.
pub const TEXTURE_WIDTH: u32 = 4096;
/// Bytes of a line.
pub(crate) const LINE_BYTES: u64 = TEXTURE_WIDTH as u64 * TEXEL_BYTES;

/// The largest tensors of a device, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct MaxBytes {
    buffer: u64,
    texels: u64,
}

impl MaxBytes {
    /// Those of a device with these limits, or `wanted` if that is less.
    pub(super) fn new(limits: &wgpu::Limits, wanted: Option<u64>) -> MaxBytes {
        let buffer = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        let texels = u64::from(limits.max_texture_dimension_2d) * LINE_BYTES;
        let wanted = wanted.unwrap_or(buffer.max(texels));
        MaxBytes {
            buffer: wanted.min(buffer),
            texels: wanted.min(texels).next_multiple_of(LINE_BYTES),
        }
    }

    pub(super) fn of(self, memory: Memory) -> u64 {
        match memory {
            Memory::Buffer => self.buffer,
            Memory::Texels => self.texels,
        }
    }
}
