//! What the view shows.

use bdlm::event::{Cell, CellState};
use egui::Ui;

use crate::recording::{CellAt, Recording};
use crate::state::ColorBy;
use crate::views::flow;
use crate::views::theme::LINE_CHARS;

/// Entropy that is shown as no certainty at all, in nats.
const MOST_ENTROPY: f32 = 6.0;

/// A run at one moment.
pub struct BlockView<'a> {
    pub(super) recording: &'a Recording,
    pub(super) moment: usize,
    pub(super) color_by: ColorBy,
    pub(super) selected: Option<CellAt>,
    pub(super) glow: f32,
    /// Bytes of the text's beginning that are not shown.
    pub(super) hidden: usize,
    pub(super) salt: egui::Id,
}

impl<'a> BlockView<'a> {
    /// A view of a recording at one of its moments.
    pub fn new(recording: &'a Recording, moment: usize) -> BlockView<'a> {
        let salt = egui::Id::unique("blocks");
        let color_by = ColorBy::Confidence;
        BlockView { recording, moment, color_by, selected: None, glow: 0.0, hidden: 0, salt }
    }

    /// What the colours of cells mean.
    pub fn color_by(mut self, color_by: ColorBy) -> Self {
        self.color_by = color_by;
        self
    }

    /// The cell that is outlined.
    pub fn selected(mut self, selected: Option<CellAt>) -> Self {
        self.selected = selected;
        self
    }

    /// How strongly cells that opened at this moment glow, 0 to 1.
    pub fn glow(mut self, glow: f32) -> Self {
        self.glow = glow;
        self
    }

    /// Leaves out the beginning of the text: so many bytes, of the prompt and of finished blocks.
    pub fn without(mut self, bytes: usize) -> Self {
        self.hidden = bytes;
        self
    }

    /// An id that is different for each view of a window.
    pub fn id_salt(mut self, salt: impl egui::AsIdSalt) -> Self {
        self.salt = egui::Id::unique("blocks").with(salt);
        self
    }

    /// Width of the text where there is this much room: at most about 75 characters.
    pub fn width(ui: &Ui, room: f32) -> f32 {
        room.min(flow::width(ui, "n") * LINE_CHARS).max(1.0)
    }

    /// How bright a cell is, 0 to 1.
    pub(super) fn strength(&self, cell: &Cell) -> f32 {
        match self.color_by {
            ColorBy::Confidence => cell.confidence,
            ColorBy::Entropy => 1.0 - cell.entropy / MOST_ENTROPY,
        }
    }

    /// True if a cell opened at the moment that is shown.
    pub(super) fn opens_now(&self, cell: &Cell) -> bool {
        let step = self.recording.step(self.moment).map(|step| step.step);
        matches!(cell.state, CellState::Open { step: opened } if Some(opened) == step)
    }
}
