//! A run as files: its text, its events, a picture of a moment, an animation of all of them. Files
//! are written beside their place and renamed when they are whole.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use bdlm::event::Event;
use bdlm::gpu::{Gpu, GpuOptions};

use egui::{ColorImage, vec2};

use crate::offscreen::{Canvas, PictureError, picture};
use crate::recording::Recording;
use crate::theme;
use crate::view::{BlockView, ColorBy};

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The text.
    Text,
    /// All events, as the command line writes them; can be opened again.
    Events,
    /// The moment that is shown.
    Picture,
    /// All moments.
    Animation,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 4] = [Format::Text, Format::Events, Format::Picture, Format::Animation];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Format::Text => "Text",
            Format::Events => "Run (JSON lines)",
            Format::Picture => "Picture (PNG)",
            Format::Animation => "Animation (GIF)",
        }
    }

    /// The ending of its files.
    pub fn ending(self) -> &'static str {
        match self {
            Format::Text => "txt",
            Format::Events => "jsonl",
            Format::Picture => "png",
            Format::Animation => "gif",
        }
    }
}

/// A moment of a run, as it is exported.
#[derive(Clone)]
pub struct Scene {
    /// The run.
    pub recording: Recording,
    /// The moment that is shown.
    pub moment: usize,
    /// What grounds tell.
    pub color_by: ColorBy,
    /// On dark ground.
    pub is_dark: bool,
    /// Part of an adapter's name, for the drawing.
    pub adapter: Option<String>,
}

/// How an export goes.
#[derive(Debug)]
pub enum ExportReport {
    /// Part that is done, 0 to 1.
    Progress(f32),
    /// The file is there.
    Written(PathBuf),
    /// It was cancelled; there is no file.
    Cancelled,
    /// It failed.
    Failed(PictureError),
}

/// An export under way.
pub struct Export {
    /// What it tells.
    pub reports: Receiver<ExportReport>,
    cancel: Arc<AtomicBool>,
}

impl Export {
    /// Begins to write, on a thread of its own.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn begin(
        scene: Scene,
        format: Format,
        path: PathBuf,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Export> {
        let (outbox, reports) = sync_channel(16);
        let cancel = Arc::new(AtomicBool::new(false));
        let flag = cancel.clone();
        thread::Builder::new().name("bdlm-export".into()).spawn(move || {
            let mut go_on = |part: f32| {
                let _ = outbox.try_send(ExportReport::Progress(part));
                wake();
                !flag.load(Ordering::SeqCst)
            };
            let outcome = write(&scene, format, &path, &mut go_on);
            let _ = outbox.send(match outcome {
                Ok(true) => ExportReport::Written(path),
                Ok(false) => ExportReport::Cancelled,
                Err(e) => ExportReport::Failed(e),
            });
            wake();
        })?;
        Ok(Export { reports, cancel })
    }

    /// Ends it; no file is left.
    pub fn cancel(&self) {
        self.cancel.store(true, Ordering::SeqCst);
    }
}

/// Writes a scene; `go_on` hears the part that is done and may end it, then the result is false.
///
/// # Errors
/// [`PictureError`].
pub fn write(
    scene: &Scene,
    format: Format,
    path: &Path,
    go_on: &mut dyn FnMut(f32) -> bool,
) -> Result<bool, PictureError> {
    let bytes = match format {
        Format::Text => text(&scene.recording, scene.moment).into_bytes(),
        Format::Events => json_lines(scene.recording.events()).into_bytes(),
        Format::Picture => {
            let one = std::iter::once(scene.moment);
            png(&Painter::new(scene, one)?.paint(scene.moment)?)?
        }
        Format::Animation => match animation(scene, go_on)? {
            Some(bytes) => bytes,
            None => return Ok(false),
        },
    };
    write_beside(path, &bytes)?;
    Ok(true)
}

/// Prompt and text as they are at a moment.
pub fn text(recording: &Recording, moment: usize) -> String {
    let prefix = recording.prefix(moment).to_string();
    match recording.done().and_then(|done| done.text.clone()) {
        Some(text) if moment + 1 >= recording.moments().len() => text,
        _ => prefix + &recording.blocks(moment).map(|b| b.text.as_str()).collect::<String>(),
    }
}

fn json_lines(events: &[Arc<Event>]) -> String {
    let line = |event: &Event| serde_json::to_string(event).map(|line| line + "\n");
    events.iter().filter_map(|event| line(event).ok()).collect()
}

/// The events of a file.
///
/// # Errors
/// In words: what, got, wanted, what to try.
pub fn read_events(path: &Path) -> Result<Vec<Event>, String> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|e| format!("{shown} cannot be read: {e}"))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| format!("{shown} is not UTF-8, expected JSON lines of events"))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let event = |(i, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|e| {
            format!(
                "{shown}: line {} is no event ({e}); write one with `bdlm generate --events`",
                i + 1
            )
        })
    };
    let events: Vec<Event> = lines.map(event).collect::<Result<_, _>>()?;
    if !events.iter().any(|event| matches!(event, Event::Start(_))) {
        return Err(format!("{shown} holds no run, expected events that begin with a start"));
    }
    Ok(events)
}

/// Width of exported pictures, in points.
const WIDTH: f32 = 760.0;
/// Around the text.
const MARGIN: f32 = 28.0;

struct Painter<'a> {
    scene: &'a Scene,
    ctx: egui::Context,
    canvas: Canvas,
    height: f32,
}

impl Painter<'_> {
    /// For pictures of these moments, all of the same height.
    fn new(
        scene: &Scene,
        moments: impl Iterator<Item = usize>,
    ) -> Result<Painter<'_>, PictureError> {
        let options = GpuOptions { adapter: scene.adapter.clone(), ..GpuOptions::default() };
        let ctx = egui::Context::default();
        theme::install(&ctx);
        ctx.set_theme(if scene.is_dark { egui::Theme::Dark } else { egui::Theme::Light });
        let mut canvas = Canvas::new(&Gpu::request(&options)?);
        // As high as the moment needs that needs most: masked cells are wider than their text.
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

    fn paint(&mut self, moment: usize) -> Result<ColorImage, PictureError> {
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

/// Hundredths of a second that a moment is shown, and the last.
const MOMENT: u16 = 12;
const LAST: u16 = 250;

fn animation(
    scene: &Scene,
    go_on: &mut dyn FnMut(f32) -> bool,
) -> Result<Option<Vec<u8>>, PictureError> {
    let failed = |e: gif::EncodingError| PictureError::Draw(e.to_string());
    // A run that was only begun has one picture: its prompt.
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

/// Writes a file beside its place and renames it.
///
/// # Errors
/// [`PictureError::Write`].
pub fn write_beside(path: &Path, bytes: &[u8]) -> Result<(), PictureError> {
    let failed = |e: &dyn std::fmt::Display| {
        // The name of the file beside is nobody's business.
        let cause = e.to_string().split(" at path").next().unwrap_or_default().to_string();
        let path = path.display().to_string();
        PictureError::Write { path, cause }
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".bdlm-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder.unwrap_or(Path::new("."))).map_err(|e| failed(&e))?;
    file.write_all(bytes).map_err(|e| failed(&e))?;
    file.as_file().sync_all().map_err(|e| failed(&e))?;
    file.persist(path).map_err(|e| failed(&e.error))?;
    Ok(())
}
