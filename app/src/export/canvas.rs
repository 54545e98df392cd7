//! Pictures without a window: egui drawn into a texture and read back.

use async_channel::bounded;
use bdlm::gpu::Gpu;
use bdlm::wgpu;

use eframe::egui_wgpu::{Renderer, RendererOptions, ScreenDescriptor};
use egui::{Color32, ColorImage, FullOutput, TexturesDelta};

use crate::export::error::PictureError;

/// A place to draw on, with the textures that egui has handed over.
pub struct Canvas {
    gpu: Gpu,
    renderer: Renderer,
    ground: wgpu::Color,
}

const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

impl Canvas {
    /// A canvas on a device.
    pub fn new(gpu: &Gpu) -> Canvas {
        let renderer = Renderer::new(gpu.device(), FORMAT, RendererOptions::PREDICTABLE);
        Canvas { gpu: gpu.clone(), renderer, ground: wgpu::Color::BLACK }
    }

    /// The canvas with another ground than black: what has its colour need not be filled, which costs time
    /// without a GPU.
    #[must_use]
    pub fn with_ground(self, color: Color32) -> Canvas {
        let [r, g, b, a] = color.to_normalized_gamma_f32().map(f64::from);
        Canvas { ground: wgpu::Color { r, g, b, a }, ..self }
    }

    /// Takes the textures that a frame needs.
    pub fn update(&mut self, textures: &mut TexturesDelta) {
        for (id, images) in textures.set.drain() {
            for image in images {
                self.renderer.update_texture(self.gpu.device(), self.gpu.queue(), id, &image);
            }
        }
        textures.free.drain().for_each(|id| self.renderer.free_texture(&id));
    }

    /// Draws a frame.
    ///
    /// # Errors
    /// [`PictureError::Draw`].
    pub async fn paint(
        &mut self,
        ctx: &egui::Context,
        output: &FullOutput,
    ) -> Result<ColorImage, PictureError> {
        let device = self.gpu.device();
        let size = (ctx.content_rect().size() * ctx.pixels_per_point()).round();
        let (width, height) = (size.x as u32, size.y as u32);
        let most = device.limits().max_texture_dimension_2d;
        if width == 0 || height == 0 || width.max(height) > most {
            let words = format!("{width} × {height} points, expected 1 to {most}");
            return Err(PictureError::Draw(words));
        }
        let screen = ScreenDescriptor {
            pixels_per_point: ctx.pixels_per_point(),
            size_in_pixels: [width, height],
        };
        let shapes = ctx.tessellate(output.shapes.clone(), ctx.pixels_per_point());
        let texture = target(device, width, height);
        let row = (4 * width).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let staging = staging(device, u64::from(row) * u64::from(height));
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let queue = self.gpu.queue();
        let before = self.renderer.update_buffers(device, queue, &mut encoder, &shapes, &screen);
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let mut pass = encoder
            .begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("picture"),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &view,
                    resolve_target: None,
                    ops: wgpu::Operations {
                        load: wgpu::LoadOp::Clear(self.ground),
                        store: wgpu::StoreOp::Store,
                    },
                    depth_slice: None,
                })],
                ..Default::default()
            })
            .forget_lifetime();
        self.renderer.render(&mut pass, &shapes, &screen);
        drop(pass);
        copy(&mut encoder, &texture, &staging, [width, height, row]);
        queue.submit(before.into_iter().chain([encoder.finish()]));
        self.read(&staging, [width, height, row]).await
    }

    async fn read(
        &self,
        staging: &wgpu::Buffer,
        [width, height, row]: [u32; 3],
    ) -> Result<ColorImage, PictureError> {
        let failed = |e: &dyn std::fmt::Display| PictureError::Draw(e.to_string());
        let (sender, receiver) = bounded(1);
        let slice = staging.slice(..);
        slice.map_async(wgpu::MapMode::Read, move |outcome| {
            let _ = sender.try_send(outcome);
        });
        self.gpu.device().poll(wgpu::PollType::wait_indefinitely()).map_err(|e| failed(&e))?;
        receiver.recv().await.map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
        let bytes = slice.get_mapped_range().map_err(|e| failed(&e))?;
        let rows = bytes.chunks(row as usize).take(height as usize);
        let pixels: Vec<u8> = rows.flat_map(|row| row[..4 * width as usize].to_vec()).collect();
        let size = [width as usize, height as usize];
        Ok(ColorImage::from_rgba_premultiplied(size, &pixels))
    }
}

fn target(device: &wgpu::Device, width: u32, height: u32) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: Some("picture"),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: FORMAT,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    })
}

fn staging(device: &wgpu::Device, size: u64) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("picture"),
        size,
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    })
}

fn copy(
    encoder: &mut wgpu::CommandEncoder,
    texture: &wgpu::Texture,
    buffer: &wgpu::Buffer,
    [width, height, row]: [u32; 3],
) {
    let layout =
        wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: None };
    encoder.copy_texture_to_buffer(
        texture.as_image_copy(),
        wgpu::TexelCopyBufferInfo { buffer, layout },
        wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
    );
}
