//! Writing numbers to tensors, in chunks: one large write stages all of it at once, chunks with a
//! submit each are faster and need less memory.

use bytemuck::Pod;

use crate::Result;
use crate::gpu::device::Gpu;
use crate::gpu::memory::tensor::Tensor;

/// Whole lines of textures.
const CHUNK_BYTES: usize = 8 << 20;

impl Tensor {
    /// Overwrites the tensor from its beginning. Takes effect before the next submit.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if there are more numbers than it has room for; in texels also if they
    /// are no multiple of 16 bytes, or the tensor is a view from the middle of a line.
    pub fn write<T: Pod>(&self, gpu: &Gpu, data: &[T]) -> Result<()> {
        let bytes: &[u8] = bytemuck::cast_slice(data);
        self.expect_room(bytes.len() as u64)?;
        for (i, chunk) in bytes.chunks(CHUNK_BYTES).enumerate() {
            write_chunk(gpu, self, i * CHUNK_BYTES, chunk);
        }
        Ok(())
    }
}

/// A tensor that is written from its beginning on, in pieces of any length.
pub(super) struct Upload<'a> {
    gpu: &'a Gpu,
    tensor: &'a Tensor,
    written: usize,
    pending: Vec<u8>,
}

impl<'a> Upload<'a> {
    pub(super) fn new(gpu: &'a Gpu, tensor: &'a Tensor) -> Upload<'a> {
        Upload { gpu, tensor, written: 0, pending: Vec::new() }
    }

    /// Takes the bytes that `append` adds, and writes what makes whole chunks.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if the tensor has no room for them.
    pub(super) fn push(&mut self, append: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        append(&mut self.pending);
        self.tensor.expect_room((self.written + self.pending.len()) as u64)?;
        let whole = self.pending.len() / CHUNK_BYTES * CHUNK_BYTES;
        self.write(whole);
        Ok(())
    }

    /// Writes the rest.
    pub(super) fn finish(mut self) {
        self.write(self.pending.len());
    }

    fn write(&mut self, count: usize) {
        for chunk in self.pending[..count].chunks(CHUNK_BYTES) {
            write_chunk(self.gpu, self.tensor, self.written, chunk);
            self.written += chunk.len();
        }
        self.pending.drain(..count);
    }
}

fn write_chunk(gpu: &Gpu, tensor: &Tensor, at: usize, chunk: &[u8]) {
    if at > 0 {
        gpu.queue().submit([]);
    }
    tensor.write_at(gpu, at as u64, chunk);
}
