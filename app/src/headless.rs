//! A picture of the whole window without one: for documentation and tests.

use std::path::Path;
use std::time::{Duration, Instant};

use bdlm::gpu::{Gpu, GpuOptions, block_on};

use egui::{ColorImage, RawInput, Rect, Vec2};

use crate::app::App;
use crate::export::{Canvas, FRAMES, PictureError, picture, png, write_beside};
use crate::state::{Action, Pane, Stage};
use crate::system::add_system_fonts;

/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long a frame waits for the engine.
const FRAME: Duration = Duration::from_millis(10);

/// A window that is not shown.
pub struct Headless {
    /// Its egui.
    pub ctx: egui::Context,
    canvas: Canvas,
    size: Vec2,
}

impl Headless {
    /// A window of a size, drawn on an adapter; the best one if absent.
    ///
    /// # Errors
    /// [`PictureError::Device`].
    pub fn new(size: Vec2, adapter: Option<String>) -> Result<Headless, PictureError> {
        let options = GpuOptions { adapter, ..GpuOptions::default() };
        let canvas = Canvas::new(&Gpu::request(&options)?);
        let ctx = egui::Context::default();
        add_system_fonts(&ctx);
        Ok(Headless { ctx, canvas, size })
    }

    /// Runs the app until `steps` moments are there, or the run has ended, and shows the last of
    /// them.
    ///
    /// # Errors
    /// [`PictureError`], with what the app would say.
    pub fn advance(&mut self, app: &mut App, steps: usize) -> Result<(), PictureError> {
        let (began, mut asked) = (Instant::now(), false);
        let (mut seen, mut since) = ((0, None), Instant::now());
        loop {
            let now = began.elapsed().as_secs_f64();
            let input = RawInput {
                screen_rect: Some(Rect::from_min_size(egui::Pos2::ZERO, self.size)),
                time: Some(now),
                ..Default::default()
            };
            let mut output = self.ctx.run_ui(input, |ui| app.advance(ui.ctx()));
            self.canvas.update(&mut output.textures_delta);
            if let Some(banner) = &app.state.banner {
                let words = format!("{} {}", banner.sentence, banner.cause);
                return Err(PictureError::App(words));
            }
            if app.state.can_generate() && !asked {
                app.act(&self.ctx, Action::Generate, now);
                (app.state.playing, asked) = (false, true);
            }
            let is_over = asked && app.state.panes.iter().all(|pane| pane.stage != Stage::Live);
            if app.state.pane().recording.moments().len() >= steps || is_over {
                return Ok(());
            }
            if asked && !app.state.panes.iter().any(Pane::is_pulling) {
                app.act(&self.ctx, Action::StepOn, now);
            }
            let now_seen =
                (app.state.pane().recording.moments().len(), app.state.models.busy.clone());
            if now_seen != seen {
                (seen, since) = (now_seen, Instant::now());
            }
            if since.elapsed() > PATIENCE {
                return Err(PictureError::App("the engine has not come this far in time".into()));
            }
            std::thread::sleep(FRAME);
        }
    }

    /// A picture of the window as it is.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn screenshot(&mut self, app: &mut App) -> Result<ColorImage, PictureError> {
        let Headless { canvas, ctx, size } = self;
        block_on(picture(canvas, ctx, (*size, FRAMES), |ui| app.show(ui)))
    }

    /// Writes a picture of the window.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn write(&mut self, app: &mut App, path: &Path) -> Result<(), PictureError> {
        write_beside(path, &png(&self.screenshot(app)?)?)
    }
}
