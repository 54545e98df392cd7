//! What the view shows.

use bdlm::event::{Cell, CellState};
use egui::Ui;

use crate::recording::{CellAt, Recording};
use crate::state::{ColorBy, Marks, Scale};
use crate::views::flow;
use crate::views::theme::LINE_CHARS;

/// Entropy that is shown as no certainty at all, in nats.
const MOST_ENTROPY: f32 = 6.0;
/// Powers of ten that the logarithmic scale shows.
const DECADES: f32 = 4.0;

/// A run at one moment.
pub struct BlockView<'a> {
    pub(super) recording: &'a Recording,
    pub(super) moment: usize,
    pub(super) color_by: ColorBy,
    pub(super) scale: Scale,
    pub(super) keep_colors: bool,
    /// What is ranked, rising; empty unless the scale is by rank.
    pub(super) ranked: Vec<f32>,
    /// Tokens that differ from another run's, see [`BlockView::marked`].
    pub(super) marked: Option<&'a [bool]>,
    /// Words that were looked for, see [`BlockView::found`].
    pub(super) found: Option<&'a Marks>,
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
        BlockView {
            recording,
            moment,
            color_by: ColorBy::Confidence,
            scale: Scale::Linear,
            keep_colors: false,
            ranked: Vec::new(),
            marked: None,
            found: None,
            selected: None,
            glow: 0.0,
            hidden: 0,
            salt,
        }
    }

    /// What the colours of cells mean.
    pub fn color_by(mut self, color_by: ColorBy) -> Self {
        self.color_by = color_by;
        self
    }

    /// How numbers become colours.
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// Whether finished blocks keep their colours.
    pub fn keep_colors(mut self, keep: bool) -> Self {
        self.keep_colors = keep;
        self
    }

    /// Underlines tokens of finished blocks that differ from another run's; one for each token.
    pub fn marked(mut self, marked: Option<&'a [bool]>) -> Self {
        self.marked = marked;
        self
    }

    /// Marks words of the prompt and of finished blocks: bytes of [`Recording::written`].
    pub fn found(mut self, found: Option<&'a Marks>) -> Self {
        self.found = found;
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

    /// How bright an open cell is, 0 to 1. `moments` are those of its block.
    pub(super) fn strength(&self, cell: &Cell, moments: [usize; 2]) -> f32 {
        match self.color_by {
            ColorBy::Order | ColorBy::Age => self.age(cell, moments),
            ColorBy::Confidence => match self.scale {
                Scale::Linear => cell.confidence,
                Scale::Log => 1.0 + cell.confidence.max(1e-9).log10() / DECADES,
                Scale::Rank => self.rank(cell.confidence),
            },
            ColorBy::Entropy => match self.scale {
                Scale::Linear => 1.0 - cell.entropy / MOST_ENTROPY,
                Scale::Log => 1.0 - (1.0 + cell.entropy.max(0.0)).ln() / (1.0 + MOST_ENTROPY).ln(),
                Scale::Rank => self.rank(-cell.entropy),
            },
        }
    }

    /// When a cell opened: against the steps of its block, or against all moments of the run.
    fn age(&self, cell: &Cell, [first, last]: [usize; 2]) -> f32 {
        let CellState::Open { step: opened } = cell.state else { return 1.0 };
        if self.color_by == ColorBy::Age {
            let at =
                (first..=last).find(|&m| self.recording.step(m).is_some_and(|s| s.step == opened));
            return (at.unwrap_or(last) + 1) as f32 / (self.moment + 1) as f32;
        }
        let last_step = |m: usize| self.recording.step(m).map(|step| step.step);
        let most = (first..=last).rev().find_map(last_step).unwrap_or(1).max(2);
        1.0 - (opened.saturating_sub(1)) as f32 / (most - 1) as f32
    }

    fn rank(&self, number: f32) -> f32 {
        let below = self.ranked.partition_point(|&other| other < number);
        let most = self.ranked.len().saturating_sub(1).max(1);
        below as f32 / most as f32
    }

    /// What the rank of a cell is among.
    pub(super) fn rank_cells(&mut self) {
        if self.scale != Scale::Rank {
            return;
        }
        let is_drawn = |cell: &&Cell| matches!(cell.state, CellState::Open { .. });
        let number = |cell: &Cell| match self.color_by {
            ColorBy::Entropy => -cell.entropy,
            _ => cell.confidence,
        };
        let live = self.recording.step(self.moment).map_or(&[][..], |step| &step.cells);
        let done = self.recording.blocks(self.moment).flat_map(|block| &block.cells);
        let mut ranked: Vec<f32> = done.chain(live).filter(is_drawn).map(number).collect();
        ranked.sort_by(f32::total_cmp);
        self.ranked = ranked;
    }

    /// The moments of the current block up to the one that is shown.
    pub(super) fn current_moments(&self) -> [usize; 2] {
        let back = self.recording.step(self.moment).map_or(0, |step| step.step);
        [self.moment.saturating_sub(2 * back + 8), self.moment]
    }

    /// True if a cell opened at the moment that is shown.
    pub(super) fn opens_now(&self, cell: &Cell) -> bool {
        let step = self.recording.step(self.moment).map(|step| step.step);
        matches!(cell.state, CellState::Open { step: opened } if Some(opened) == step)
    }
}
