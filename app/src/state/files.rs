//! Files to write and to open.

use crate::system::start_folder;

/// What to write of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The text.
    Text,
    /// The text with what it was made with, as Markdown.
    Markdown,
    /// All events, as the command line writes them; can be opened again.
    Events,
    /// The moment that is shown.
    Picture,
    /// The same, sharp at any size.
    Vector,
    /// All moments.
    Animation,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 6] = [
        Format::Text,
        Format::Markdown,
        Format::Events,
        Format::Picture,
        Format::Vector,
        Format::Animation,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Format::Text => "Text",
            Format::Markdown => "Markdown",
            Format::Events => "Run (JSON lines)",
            Format::Picture => "Picture (PNG)",
            Format::Vector => "Drawing (SVG)",
            Format::Animation => "Animation (GIF)",
        }
    }

    /// The ending of its files.
    pub fn ending(self) -> &'static str {
        match self {
            Format::Text => "txt",
            Format::Markdown => "md",
            Format::Events => "jsonl",
            Format::Picture => "png",
            Format::Vector => "svg",
            Format::Animation => "gif",
        }
    }
}

/// A file that was written or is being written, and one to open.
#[derive(Clone, Debug, PartialEq)]
pub struct Files {
    /// Part of a file that is written, 0 to 1; none if none is being written.
    pub writing: Option<f32>,
    /// What became of the last one.
    pub outcome: String,
    /// Where the next one goes, without its ending.
    pub path: String,
    /// The file to open.
    pub open: String,
    /// Pixels per point of pictures, 1 to 3.
    pub pixels: u8,
    /// A dialog of the system is open.
    pub asks: bool,
}

/// What a dialog of the system asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialog {
    /// Where to write a file.
    Save(Format),
    /// A run to open.
    OpenRun,
    /// A folder with a model.
    ModelFolder,
    /// Texts to train on.
    TrainTexts,
    /// Texts to evaluate training on.
    ValidTexts,
    /// The folder in which a run of training is made.
    TrainFolder,
}

impl Default for Files {
    fn default() -> Files {
        let (outcome, open) = (String::new(), String::new());
        // The whole path, so that it says where files go.
        let path = start_folder().join("bdlm-run").display().to_string();
        Files { writing: None, outcome, path, open, pixels: 2, asks: false }
    }
}
