//! Pictures as bytes: PNG, and GIF for all moments of a run.

use egui::ColorImage;

use crate::export::error::PictureError;
use crate::export::palette::Palette;
use crate::export::scene::{Painter, Scene};

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
pub(super) async fn animation(
    scene: &Scene,
    go_on: &mut dyn FnMut(f32) -> bool,
) -> Result<Option<Vec<u8>>, PictureError> {
    let failed = |e: gif::EncodingError| PictureError::Draw(e.to_string());
    // A run without moments has one picture: its prompt.
    let count = scene.recording.moments().len().max(1);
    let mut painter = Painter::new(scene, 0..count).await?;
    let mut samples = Vec::new();
    for moment in [0, count / 2, count - 1] {
        samples.push(painter.paint(moment).await?);
    }
    let mut palette = Palette::of(&samples);
    let size = samples[0].size.map(|side| side.min(usize::from(u16::MAX)) as u16);
    let mut bytes = Vec::new();
    let [width, height] = size;
    let mut encoder =
        gif::Encoder::new(&mut bytes, width, height, &palette.colors).map_err(failed)?;
    encoder.set_repeat(gif::Repeat::Infinite).map_err(failed)?;
    let mut before: Vec<u8> = Vec::new();
    for moment in 0..count {
        if !go_on(moment as f32 / count as f32) {
            return Ok(None);
        }
        let indices = palette.indices(&painter.paint(moment).await?);
        let mut frame = changed(&before, &indices, size);
        frame.delay = if moment + 1 == count { LAST } else { MOMENT };
        encoder.write_frame(&frame).map_err(failed)?;
        before = indices;
    }
    drop(encoder);
    Ok(Some(bytes))
}

/// The rows that differ from the picture before; at least one.
fn changed(before: &[u8], now: &[u8], [width, height]: [u16; 2]) -> gif::Frame<'static> {
    let row = usize::from(width);
    let differs = |y: &usize| before.get(y * row..(y + 1) * row) != now.get(y * row..(y + 1) * row);
    let mut rows = 0..usize::from(height);
    let first = rows.find(differs).unwrap_or(0);
    let last = (first..usize::from(height)).rev().find(differs).unwrap_or(first);
    gif::Frame {
        top: first as u16,
        width,
        height: (last + 1 - first) as u16,
        buffer: now[first * row..(last + 1) * row].to_vec().into(),
        ..gif::Frame::default()
    }
}
