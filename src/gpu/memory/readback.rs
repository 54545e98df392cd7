//! Staging buffers, through which numbers come back to the CPU.

use crate::gpu::device::Gpu;

/// A buffer that the CPU can map, made once and used for every readback that fits.
#[derive(Debug)]
pub struct Readback {
    buffer: wgpu::Buffer,
}

impl Readback {
    /// A staging buffer of `size` bytes.
    pub fn new(gpu: &Gpu, size: u64) -> Readback {
        let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("readback"),
            size: size.next_multiple_of(4).max(4),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Readback { buffer }
    }

    pub(crate) fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }
}
