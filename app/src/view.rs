//! The block view: finished blocks as a page of a book, the current one as cells that open. A
//! widget for any egui program; it takes a [`Recording`] and knows no engine.

use bdlm::event::{Cell, CellState};

use egui::{Align2, Color32, CornerRadius, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui};
use egui::{WidgetInfo, pos2, vec2};

use crate::flow::{self, Piece, Placed};
use crate::recording::{CellAt, Recording};
use crate::theme::{LINE_CHARS, Palette, palette};

/// What a cell's ground tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ColorBy {
    /// Probability of the token.
    #[default]
    Confidence,
    /// Entropy of the distribution it was drawn from: bright is certain.
    Entropy,
}

/// Entropy that is shown as no certainty at all, in nats.
const MOST_ENTROPY: f32 = 6.0;

/// A run at one moment.
pub struct BlockView<'a> {
    recording: &'a Recording,
    moment: usize,
    color_by: ColorBy,
    selected: Option<CellAt>,
    glow: f32,
    salt: egui::Id,
}

/// What the mouse and the keyboard did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ViewResponse {
    /// Under the mouse.
    pub hovered: Option<CellAt>,
    /// Chosen.
    pub clicked: Option<CellAt>,
    /// Where the current block begins, from the top of the text, in points.
    pub current_y: f32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Prompt,
    /// A token of a finished block; whether it begins the block, and whether the network still
    /// sees it.
    Token {
        at: CellAt,
        is_first: bool,
        is_seen: bool,
    },
    /// Text of a finished block whose tokens are not known one by one.
    Text {
        is_seen: bool,
    },
    /// A cell of the current block.
    Live(usize),
}

impl<'a> BlockView<'a> {
    /// A view of a recording at one of its moments.
    pub fn new(recording: &'a Recording, moment: usize) -> BlockView<'a> {
        let salt = egui::Id::unique("blocks");
        let color_by = ColorBy::Confidence;
        BlockView { recording, moment, color_by, selected: None, glow: 0.0, salt }
    }

    /// What grounds tell.
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

    /// Tells views of one window apart.
    pub fn id_salt(mut self, salt: impl egui::AsIdSalt) -> Self {
        self.salt = egui::Id::unique("blocks").with(salt);
        self
    }

    /// Width of the text where there is so much room: at most some 75 characters.
    pub fn width(ui: &Ui, room: f32) -> f32 {
        room.min(flow::width(ui, "n") * LINE_CHARS).max(1.0)
    }

    /// Draws it as wide as there is room, at most some 75 characters, and as high as the text.
    pub fn show(self, ui: &mut Ui) -> ViewResponse {
        let palette = palette(ui);
        let width = BlockView::width(ui, ui.available_width());
        let (cells, step) = match self.recording.step(self.moment) {
            Some(step) => (&step.cells[..], Some(step)),
            None => (&[][..], None),
        };
        let pieces = self.pieces(cells);
        let (placed, height) = flow::flow(&pieces, width, &mut |text| flow::width(ui, text));
        let (area, response) =
            ui.allocate_exact_size(vec2(width, height + 6.0), Sense::hover() | Sense::CLICK);
        response.widget_info(|| WidgetInfo::labeled(Role::Document, true, self.spoken()));
        let mut told = ViewResponse::default();
        let pointer = response.hover_pos();
        let hovered = pointer.and_then(|at| {
            placed.iter().find(|p| flow::moved(p, area.min).contains(at)).map(|p| p.kind)
        });
        let block_idx = step.map(|step| step.block_idx);
        told.hovered = hovered.and_then(|kind| kind.cell(block_idx));
        if response.clicked() {
            told.clicked = told.hovered;
        }
        for placed in &placed {
            let rect = flow::moved(placed, area.min);
            match placed.kind {
                Kind::Live(i) => {
                    let Some(block_idx) = block_idx else { continue };
                    let at = CellAt { block_idx, cell: i };
                    let cell = self.live(ui, &palette, (placed, rect), (at, &cells[i]));
                    if told.current_y == 0.0 {
                        told.current_y = placed.rect.min.y;
                    }
                    told.hovered = told.hovered.or(cell.hovered().then_some(at));
                    told.clicked = told.clicked.or(cell.clicked().then_some(at));
                }
                kind => {
                    self.finished(ui, &palette, (placed, rect), kind, told.hovered);
                    told.clicked = told.clicked.or(self.block_clicked(ui, &palette, rect, kind));
                }
            }
        }
        if told.current_y == 0.0 {
            told.current_y = height;
        }
        told
    }

    fn pieces(&self, cells: &[Cell]) -> Vec<Piece<Kind>> {
        let mut pieces = Vec::new();
        let mut push = |text: String, kind, min_width| {
            pieces.push(Piece { text, kind, min_width });
        };
        push(whole(self.recording.prefix(self.moment)), Kind::Prompt, 0.0);
        let place = self.recording.place(self.moment);
        let seen_from = place.map_or(0, |place| place.seen_from);
        for block in self.recording.blocks(self.moment) {
            let is_seen = block.end > seen_from;
            let spelled: String = block.cells.iter().map(shown).collect();
            if spelled != block.text {
                push(whole(&block.text), Kind::Text { is_seen }, 0.0);
                continue;
            }
            for (i, cell) in block.cells.iter().enumerate() {
                let at = CellAt { block_idx: block.block_idx, cell: block.given + i };
                push(shown(cell), Kind::Token { at, is_first: i == 0, is_seen }, 0.0);
            }
        }
        for (i, cell) in cells.iter().enumerate().filter(|(_, c)| c.state != CellState::Given) {
            // What a cell shows must be one piece on one line.
            let text = shown(cell).trim().replace([' ', '\n'], "·");
            let text =
                if text.is_empty() { quoted(cell.text.as_deref(), cell.token) } else { text };
            push(whole(&text), Kind::Live(i), CELL_WIDTH);
        }
        pieces
    }

    /// What a screen reader says of the whole.
    fn spoken(&self) -> String {
        let prefix = self.recording.prefix(self.moment);
        let blocks = self.recording.blocks(self.moment).map(|block| block.text.as_str());
        format!("Text: {prefix}{}", blocks.collect::<String>())
    }

    fn strength(&self, cell: &Cell) -> f32 {
        match self.color_by {
            ColorBy::Confidence => cell.confidence,
            ColorBy::Entropy => 1.0 - cell.entropy / MOST_ENTROPY,
        }
    }

    fn live(
        &self,
        ui: &Ui,
        palette: &Palette,
        (placed, rect): (&Placed<Kind>, Rect),
        (at, cell): (CellAt, &Cell),
    ) -> Response {
        let rect = rect.shrink2(vec2(1.5, 2.0));
        let response = ui.interact(rect, self.salt.with(at), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, spoken(at, cell)));
        let painter = ui.painter_at(rect.expand(6.0));
        let round = CornerRadius::same(4);
        let text_at = rect.center();
        let text = &placed.text;
        let mut color = palette.text;
        match cell.state {
            CellState::Masked => {
                painter.rect_filled(rect, round, palette.masked);
                hatch(&painter, rect, palette.hatch);
                color = palette.quiet;
            }
            _ => {
                let ground = match cell.state {
                    CellState::Pinned => palette.masked,
                    _ => palette.ground(self.strength(cell)),
                };
                painter.rect_filled(rect, round, ground);
                if self.opens_now(cell) && self.glow > 0.0 {
                    let glow = palette.accent.gamma_multiply(self.glow);
                    painter.rect_stroke(
                        rect.expand(2.0 + 2.0 * self.glow),
                        CornerRadius::same(6),
                        Stroke::new(2.0, glow),
                        StrokeKind::Outside,
                    );
                }
            }
        }
        ui.painter_at(rect).text(text_at, Align2::CENTER_CENTER, text, flow::font(), color);
        if cell.state == CellState::Pinned {
            let pin = pos2(rect.right() - 1.0, rect.top() + 1.0);
            painter.circle_filled(pin, 3.5, palette.accent);
            painter.circle_filled(pin, 1.3, palette.on_accent);
        }
        let outline = match () {
            () if self.selected == Some(at) || response.has_focus() => palette.accent,
            () if response.hovered() => palette.quiet,
            () => Color32::TRANSPARENT,
        };
        painter.rect_stroke(rect, round, Stroke::new(1.5, outline), StrokeKind::Inside);
        response
    }

    /// The first word of a block can be reached with the keyboard, and stands for the block.
    fn block_clicked(&self, ui: &Ui, palette: &Palette, rect: Rect, kind: Kind) -> Option<CellAt> {
        let Kind::Token { at, is_first: true, .. } = kind else { return None };
        let response = ui.interact(rect, self.salt.with(("block", at)), Sense::click());
        let number = at.block_idx + 1;
        response.widget_info(|| {
            let text = self.recording.blocks(self.moment).find(|b| b.block_idx == at.block_idx);
            let text = text.map_or("", |block| block.text.as_str());
            WidgetInfo::labeled(Role::Button, true, format!("Block {number}: {text}"))
        });
        if response.has_focus() {
            let stroke = Stroke::new(1.5, palette.accent);
            ui.painter().rect_stroke(rect.shrink2(vec2(0.0, 3.0)), 3, stroke, StrokeKind::Outside);
        }
        response.clicked().then_some(at)
    }

    fn opens_now(&self, cell: &Cell) -> bool {
        let step = self.recording.step(self.moment).map(|step| step.step);
        matches!(cell.state, CellState::Open { step: opened } if Some(opened) == step)
    }

    fn finished(
        &self,
        ui: &Ui,
        palette: &Palette,
        (placed, rect): (&Placed<Kind>, Rect),
        kind: Kind,
        hovered: Option<CellAt>,
    ) {
        if !ui.is_rect_visible(rect) {
            return;
        }
        let color = match kind {
            Kind::Prompt => palette.quiet,
            Kind::Token { is_seen: false, .. } | Kind::Text { is_seen: false } => palette.faded,
            _ => palette.text,
        };
        let text_rect = Rect::from_min_max(pos2(rect.left() + placed.indent, rect.top()), rect.max)
            .shrink2(vec2(-1.0, 3.0));
        if let Kind::Token { at, is_first, .. } = kind {
            let in_block = hovered.is_some_and(|h| h.block_idx == at.block_idx);
            if in_block {
                let tint = palette.accent.gamma_multiply(0.10);
                ui.painter().rect_filled(rect.shrink2(vec2(0.0, 2.0)), 0, tint);
            }
            let is_chosen = hovered == Some(at) || self.selected == Some(at);
            if is_chosen {
                let stroke = Stroke::new(1.2, palette.accent);
                ui.painter().rect_stroke(text_rect, 3, stroke, StrokeKind::Outside);
            }
            if is_first && placed.indent > 0.0 {
                let x = rect.left() + 0.5 * placed.indent;
                let line = Stroke::new(1.0, palette.boundary);
                ui.painter().vline(x, rect.top() + 6.0..=rect.bottom() - 6.0, line);
            }
        }
        let at = pos2(rect.left(), rect.center().y);
        ui.painter().text(at, Align2::LEFT_CENTER, &placed.text, flow::font(), color);
    }
}

/// Width of a cell whose text is short, in points.
const CELL_WIDTH: f32 = 34.0;

impl Kind {
    fn cell(self, current: Option<usize>) -> Option<CellAt> {
        match self {
            Kind::Token { at, .. } => Some(at),
            Kind::Live(cell) => current.map(|block_idx| CellAt { block_idx, cell }),
            Kind::Prompt | Kind::Text { .. } => None,
        }
    }
}

/// A cell's text, or its number where there is no tokenizer.
fn shown(cell: &Cell) -> String {
    cell.text.clone().unwrap_or_else(|| format!("{} ", cell.token))
}

/// Stands for part of a character, which has no glyph of its own.
fn whole(text: &str) -> String {
    text.replace(char::REPLACEMENT_CHARACTER, "…")
}

/// A token's text for a label: blanks and line breaks can be seen.
pub fn quoted(text: Option<&str>, token: u32) -> String {
    match text {
        Some(text) => {
            let bare = text.trim_start_matches(' ');
            let dots = "·".repeat(text.len() - bare.len());
            format!("{dots}{}", whole(bare).replace('\n', "¶"))
        }
        None => token.to_string(),
    }
}

/// What a screen reader says of a cell.
fn spoken(at: CellAt, cell: &Cell) -> String {
    let text = quoted(cell.text.as_deref(), cell.token);
    let text = text.trim_start_matches('·');
    let number = at.cell;
    match cell.state {
        CellState::Masked => format!("Cell {number}: masked, candidate {text}"),
        CellState::Pinned => format!("Cell {number}: pinned, {text}"),
        CellState::Given => format!("Cell {number}: given, {text}"),
        CellState::Open { step } => format!("Cell {number}: {text}, opened at step {}", step + 1),
    }
}

/// Diagonal lines, some six points apart.
fn hatch(painter: &egui::Painter, rect: Rect, color: Color32) {
    let painter = painter.with_clip_rect(rect.shrink(1.0));
    let mut x = rect.left() - rect.height();
    while x < rect.right() {
        let line = [pos2(x, rect.bottom()), pos2(x + rect.height(), rect.top())];
        painter.line_segment(line, Stroke::new(1.0, color));
        x += 7.0;
    }
}
