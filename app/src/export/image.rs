//! Pictures as bytes: PNG, and GIF for all moments of a run.

use egui::ColorImage;

use crate::export::error::PictureError;
use crate::export::scene::{Painter, Scene, WIDTH};

/// A picture as a PNG file.
///
/// # Errors
/// [`PictureError::Draw`].
pub fn png(image: &ColorImage) -> Result<Vec<u8>, PictureError> {
    let failed = |e: png::EncodingError| PictureError::Draw(e.to_string());
    let mut bytes = Vec::new();
    let (width, height) = (image.size[0] as u32, image.size[1] as u32);
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&rgb(image)).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}

fn rgb(image: &ColorImage) -> Vec<u8> {
    image.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect()
}

/// Hundredths of a second that a moment is shown, and the last one.
const MOMENT: u16 = 12;
const LAST: u16 = 250;

/// All moments of a scene's run as a GIF; none if `go_on` has ended it.
pub(super) fn animation(
    scene: &Scene,
    go_on: &mut dyn FnMut(f32) -> bool,
) -> Result<Option<Vec<u8>>, PictureError> {
    let failed = |e: gif::EncodingError| PictureError::Draw(e.to_string());
    // A run without moments has one picture: its prompt.
    let count = scene.recording.moments().len().max(1);
    let mut painter = Painter::new(scene, 0..count)?;
    let (width, height) = (WIDTH as u16, painter.height.ceil().min(f32::from(u16::MAX)) as u16);
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, width, height, &[]).map_err(failed)?;
    encoder.set_repeat(gif::Repeat::Infinite).map_err(failed)?;
    for moment in 0..count {
        if !go_on(moment as f32 / count as f32) {
            return Ok(None);
        }
        let pixels = rgb(&painter.paint(moment)?);
        let mut frame = gif::Frame::from_rgb_speed(width, height, &pixels, 10);
        frame.delay = if moment + 1 == count { LAST } else { MOMENT };
        encoder.write_frame(&frame).map_err(failed)?;
    }
    drop(encoder);
    Ok(Some(bytes))
}
