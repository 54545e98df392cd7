//! A moment of a run as a picture.

use bdlm::gpu::{Gpu, GpuOptions};
use egui::{ColorImage, vec2};

use crate::export::canvas::Canvas;
use crate::export::error::PictureError;
use crate::export::frames::picture;
use crate::recording::Recording;
use crate::state::ColorBy;
use crate::views::{BlockView, theme};

/// A moment of a run, as it is exported.
#[derive(Clone)]
pub struct Scene {
    /// The run.
    pub recording: Recording,
    /// The moment that is shown.
    pub moment: usize,
    /// What the colours of cells mean.
    pub color_by: ColorBy,
    /// In the dark theme.
    pub is_dark: bool,
    /// Part of an adapter's name, for the drawing.
    pub adapter: Option<String>,
}

/// Width of exported pictures, in points.
pub(super) const WIDTH: f32 = 760.0;
/// Around the text.
const MARGIN: f32 = 28.0;

/// Draws moments of a scene.
pub(super) struct Painter<'a> {
    scene: &'a Scene,
    ctx: egui::Context,
    canvas: Canvas,
    pub(super) height: f32,
}

impl Painter<'_> {
    /// A painter of these moments, all in pictures of the same height.
    pub(super) fn new(
        scene: &Scene,
        moments: impl Iterator<Item = usize>,
    ) -> Result<Painter<'_>, PictureError> {
        let options = GpuOptions { adapter: scene.adapter.clone(), ..GpuOptions::default() };
        let ctx = egui::Context::default();
        theme::install(&ctx);
        ctx.set_theme(if scene.is_dark { egui::Theme::Dark } else { egui::Theme::Light });
        let mut canvas = Canvas::new(&Gpu::request(&options)?);
        // The height of the highest moment: masked cells are wider than their text.
        let mut height = 100.0f32;
        for moment in moments {
            let input = egui::RawInput {
                screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, vec2(WIDTH, 64.0))),
                ..Default::default()
            };
            let measured = &mut height;
            let mut output = ctx.run_ui(input, |ui| {
                *measured = measured.max(page_ui(ui, scene, moment));
            });
            canvas.update(&mut output.textures_delta);
        }
        Ok(Painter { scene, ctx, canvas, height })
    }

    /// A picture of a moment.
    pub(super) fn paint(&mut self, moment: usize) -> Result<ColorImage, PictureError> {
        let (scene, size) = (self.scene, vec2(WIDTH, self.height.ceil()));
        picture(&mut self.canvas, &self.ctx, size, |ui| {
            page_ui(ui, scene, moment);
        })
    }
}

/// The text on its page; returns the height that it needs.
fn page_ui(ui: &mut egui::Ui, scene: &Scene, moment: usize) -> f32 {
    let palette = theme::palette(ui);
    let frame = egui::Frame::new().fill(palette.page).inner_margin(MARGIN);
    let shown = egui::CentralPanel::default_margins().frame(frame).show(ui, |ui| {
        let view = BlockView::new(&scene.recording, moment).color_by(scene.color_by);
        let top = ui.cursor().top();
        view.show(ui);
        ui.cursor().top() - top
    });
    shown.inner + 2.0 * MARGIN
}
