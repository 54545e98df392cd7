//! Storage textures as memory of tensors, where loads from them are cheap: texels of 16 bytes in lines
//! of one width, so that kernels find texel i without the size of the texture.

use crate::gpu::device::{Gpu, LINE_BYTES, TEXEL_BYTES, TEXTURE_WIDTH};

/// A zeroed texture of `size` bytes, whole lines.
pub(super) fn create(gpu: &Gpu, label: &str, size: u64) -> wgpu::Texture {
    gpu.device().create_texture(&wgpu::TextureDescriptor {
        label: Some(label),
        size: extent(TEXTURE_WIDTH, size / LINE_BYTES),
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba32Uint,
        usage: wgpu::TextureUsages::STORAGE_BINDING
            | wgpu::TextureUsages::COPY_SRC
            | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    })
}

/// Overwrites texels from byte `at` on, the beginning of a line: whole lines, then the rest.
pub(super) fn write(gpu: &Gpu, texture: &wgpu::Texture, at: u64, bytes: &[u8]) {
    let (lines, rest) = bytes.split_at(bytes.len() - bytes.len() % LINE_BYTES as usize);
    let (line, count) = (at / LINE_BYTES, lines.len() as u64 / LINE_BYTES);
    if count > 0 {
        let to = place(texture, line);
        gpu.queue().write_texture(to, lines, lines_at(0), extent(TEXTURE_WIDTH, count));
    }
    if !rest.is_empty() {
        let mut rest = rest.to_vec();
        rest.resize(rest.len().next_multiple_of(TEXEL_BYTES as usize), 0);
        let texels = rest.len() as u32 / TEXEL_BYTES as u32;
        let to = place(texture, line + count);
        gpu.queue().write_texture(to, &rest, lines_at(0), extent(texels, 1));
    }
}

/// Encodes a copy of whole lines, `bytes` in all, from byte `at` of a texture to a place in a buffer.
pub(super) fn encode_copy(
    encoder: &mut wgpu::CommandEncoder,
    (from, at): (&wgpu::Texture, u64),
    (buffer, to_at): (&wgpu::Buffer, u64),
    bytes: u64,
) {
    encoder.copy_texture_to_buffer(
        place(from, at / LINE_BYTES),
        wgpu::TexelCopyBufferInfo { buffer, layout: lines_at(to_at) },
        extent(TEXTURE_WIDTH, bytes / LINE_BYTES),
    );
}

/// Encodes a copy from a buffer to the first texels: whole lines, then the rest.
pub(super) fn encode_fill(
    encoder: &mut wgpu::CommandEncoder,
    (buffer, at): (&wgpu::Buffer, u64),
    texture: &wgpu::Texture,
    bytes: u64,
) {
    let (lines, rest) = (bytes / LINE_BYTES, bytes % LINE_BYTES);
    let mut copy = |line: u64, size: wgpu::Extent3d| {
        let layout = lines_at(at + line * LINE_BYTES);
        let from = wgpu::TexelCopyBufferInfo { buffer, layout };
        encoder.copy_buffer_to_texture(from, place(texture, line), size);
    };
    if lines > 0 {
        copy(0, extent(TEXTURE_WIDTH, lines));
    }
    if rest > 0 {
        copy(lines, extent(rest.div_ceil(TEXEL_BYTES) as u32, 1));
    }
}

fn place(texture: &wgpu::Texture, line: u64) -> wgpu::TexelCopyTextureInfo<'_> {
    let (mip_level, aspect) = (0, wgpu::TextureAspect::All);
    let origin = wgpu::Origin3d { x: 0, y: line as u32, z: 0 };
    wgpu::TexelCopyTextureInfo { texture, mip_level, origin, aspect }
}

fn lines_at(offset: u64) -> wgpu::TexelCopyBufferLayout {
    let bytes_per_row = Some(LINE_BYTES as u32);
    wgpu::TexelCopyBufferLayout { offset, bytes_per_row, rows_per_image: None }
}

fn extent(width: u32, lines: u64) -> wgpu::Extent3d {
    wgpu::Extent3d { width, height: lines as u32, depth_or_array_layers: 1 }
}
