//! A moment of a run as a picture.

use bdlm::gpu::{Gpu, GpuOptions};
use egui::{Color32, ColorImage, vec2};

use crate::export::canvas::Canvas;
use crate::export::error::PictureError;
use crate::export::frames::picture;
use crate::export::svg::svg;
use crate::recording::Recording;
use crate::state::{Origin, Preferences};
use crate::system::add_system_fonts;
use crate::views::{BlockView, legend, theme};

/// A moment of a run, as it is exported.
#[derive(Clone)]
pub struct Scene {
    /// The run.
    pub recording: Recording,
    /// The moment that is shown.
    pub moment: usize,
    /// What the colours of cells mean, and how they are shown.
    pub prefs: Preferences,
    /// What the run was made with.
    pub origin: Origin,
    /// Pixels per point.
    pub pixels: u8,
    /// In the dark theme.
    pub is_dark: bool,
    /// Part of an adapter's name, for the drawing.
    pub adapter: Option<String>,
}

impl Scene {
    /// What the run was made with, and what is shown of it.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let Scene { recording, origin, .. } = self;
        let mut facts = Vec::new();
        if !origin.model.is_empty() {
            facts.push(("model", origin.model.clone()));
            facts.push(("sampler", origin.settings.summary()));
        } else if let Some(start) = recording.start() {
            facts.push(("seed", start.seed.to_string()));
        }
        if let Some(start) = recording.start() {
            facts.push(("block size", start.block_size.to_string()));
        }
        facts.push(("made with", format!("bdlm {}", env!("CARGO_PKG_VERSION"))));
        facts
    }

    /// What stands under a picture.
    fn caption(&self, moment: usize) -> String {
        let Scene { recording, origin, .. } = self;
        let count = recording.moments().len().max(1);
        let made = match (origin.model.is_empty(), recording.start()) {
            (false, _) => {
                let name = origin.model.rsplit('/').next().unwrap_or_default();
                format!("{name} · {} · ", origin.settings.summary())
            }
            (true, Some(start)) => format!("seed {} · ", start.seed),
            (true, None) => String::new(),
        };
        format!("{made}step {} of {count}", moment + 1)
    }
}

/// Width of exported pictures, in points.
const WIDTH: f32 = 760.0;
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
    pub(super) async fn new(
        scene: &Scene,
        moments: impl Iterator<Item = usize>,
    ) -> Result<Painter<'_>, PictureError> {
        let options = GpuOptions { adapter: scene.adapter.clone(), ..GpuOptions::default() };
        let ctx = egui::Context::default();
        theme::install(&ctx);
        add_system_fonts(&ctx);
        ctx.set_pixels_per_point(f32::from(scene.pixels.clamp(1, 3)));
        ctx.set_theme(if scene.is_dark { egui::Theme::Dark } else { egui::Theme::Light });
        let page = theme::palette_of(&ctx.global_style().visuals).page;
        let mut canvas = Canvas::new(&Gpu::request_async(&options).await?).with_ground(page);
        // The height of the highest moment: masked cells are wider than their text.
        let mut height = 100.0f32;
        for moment in moments {
            let input = egui::RawInput {
                screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, vec2(WIDTH, 64.0))),
                ..Default::default()
            };
            let measured = &mut height;
            let mut output = ctx.run_ui(input, |ui| {
                *measured = measured.max(page_ui(ui, (scene, moment), Color32::TRANSPARENT));
            });
            canvas.update(&mut output.textures_delta);
        }
        Ok(Painter { scene, ctx, canvas, height })
    }

    /// A picture of a moment.
    pub(super) async fn paint(&mut self, moment: usize) -> Result<ColorImage, PictureError> {
        let (scene, size) = (self.scene, vec2(WIDTH, self.height.ceil()));
        // Sizes are known: one frame will do. The canvas has the page's colour.
        picture(&mut self.canvas, &self.ctx, (size, 1), |ui| {
            page_ui(ui, (scene, moment), Color32::TRANSPARENT);
        })
        .await
    }

    /// A moment as a drawing.
    pub(super) fn draw(&mut self, moment: usize) -> String {
        let (scene, size) = (self.scene, vec2(WIDTH, self.height.ceil()));
        let input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, size)),
            ..Default::default()
        };
        let output = self.ctx.run_ui(input, |ui| {
            let ground = theme::palette(ui).page;
            page_ui(ui, (scene, moment), ground);
        });
        svg(&output, size)
    }
}

/// The text on its page; returns the height that it needs.
fn page_ui(ui: &mut egui::Ui, (scene, moment): (&Scene, usize), ground: Color32) -> f32 {
    let palette = theme::palette(ui);
    let frame = egui::Frame::new().fill(ground).inner_margin(MARGIN);
    let shown = egui::CentralPanel::default_margins().frame(frame).show(ui, |ui| {
        let prefs = &scene.prefs;
        let top = ui.cursor().top();
        BlockView::new(&scene.recording, moment)
            .color_by(prefs.color_by)
            .scale(prefs.scale)
            .keep_colors(prefs.keep_colors)
            .show(ui);
        ui.add_space(8.0);
        ui.horizontal(|ui| {
            legend::ramp_ui(ui, prefs);
            let name = egui::RichText::new(prefs.color_by.name()).small().color(palette.quiet);
            ui.label(name);
        });
        let caption = egui::RichText::new(scene.caption(moment)).small().color(palette.quiet);
        ui.add(egui::Label::new(caption).wrap());
        ui.cursor().top() - top
    });
    shown.inner + 2.0 * MARGIN
}
