//! Files to write and to open.

/// What to write of a run.
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
}

impl Default for Files {
    fn default() -> Files {
        let (outcome, open) = (String::new(), String::new());
        Files { writing: None, outcome, path: "bdlm-run".into(), open }
    }
}
