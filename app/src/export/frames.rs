//! A user interface drawn without a window.

use egui::ColorImage;

use crate::export::canvas::Canvas;
use crate::export::error::PictureError;

/// Frames until sizes have settled.
pub const FRAMES: u32 = 3;

/// Runs so many frames of a user interface without a window, and draws the last.
///
/// # Errors
/// [`PictureError::Draw`].
pub async fn picture(
    canvas: &mut Canvas,
    ctx: &egui::Context,
    (size, frames): (egui::Vec2, u32),
    mut ui: impl FnMut(&mut egui::Ui),
) -> Result<ColorImage, PictureError> {
    let mut last = None;
    for i in 0..frames {
        let input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, size)),
            time: Some(f64::from(i)),
            ..Default::default()
        };
        let mut output = ctx.run_ui(input, &mut ui);
        canvas.update(&mut output.textures_delta);
        if i + 1 == frames {
            last = Some(canvas.paint(ctx, &output).await?);
        }
    }
    last.ok_or_else(|| PictureError::Draw("no frame".into()))
}
