//! A run as files: its text, its events, a picture of a moment, an animation of all of them; and egui
//! drawn into pictures without a window.

mod canvas;
mod error;
mod file;
mod frames;
mod image;
mod job;
mod palette;
mod scene;
mod svg;
mod words;

pub use canvas::Canvas;
pub use error::PictureError;
pub use file::write_beside;
pub use frames::{FRAMES, picture};
pub use image::png;
pub use job::{Export, ExportReport};
pub use scene::Scene;
pub use words::{MADE_WITH, made_with};
