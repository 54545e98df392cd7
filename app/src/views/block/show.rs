//! Drawing the view, and what the user did in it.

use egui::{Rect, Role, Sense, Ui, WidgetInfo, vec2};

use crate::recording::CellAt;
use crate::views::block::kind::Kind;
use crate::views::block::view::BlockView;
use crate::views::flow;
use crate::views::theme::palette;

/// What the mouse and the keyboard did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ViewResponse {
    /// The cell under the mouse.
    pub hovered: Option<CellAt>,
    /// The cell that was clicked.
    pub clicked: Option<CellAt>,
    /// Where the match that is shown is, of the words that were looked for.
    pub found: Option<Rect>,
    /// Where the current block begins, from the top of the text, in points.
    pub current_y: f32,
}

impl BlockView<'_> {
    /// Draws it as wide as there is room, at most about 75 characters, and as high as the text.
    pub fn show(mut self, ui: &mut Ui) -> ViewResponse {
        self.rank_cells();
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
        let mut seen = ViewResponse::default();
        let pointer = response.hover_pos();
        let hovered = pointer.and_then(|at| {
            placed.iter().find(|p| flow::moved(p, area.min).contains(at)).map(|p| p.kind)
        });
        let block_idx = step.map(|step| step.block_idx);
        seen.hovered = hovered.and_then(|kind| kind.cell(block_idx));
        if response.clicked() {
            seen.clicked = seen.hovered;
        }
        for placed in &placed {
            let rect = flow::moved(placed, area.min);
            match placed.kind {
                Kind::Live(i) => {
                    let Some(block_idx) = block_idx else { continue };
                    let at = CellAt { block_idx, cell: i };
                    let cell = self.live(ui, &palette, (placed, rect), (at, &cells[i]));
                    if seen.current_y == 0.0 {
                        seen.current_y = placed.rect.min.y;
                    }
                    seen.hovered = seen.hovered.or(cell.hovered().then_some(at));
                    seen.clicked = seen.clicked.or(cell.clicked().then_some(at));
                }
                kind => {
                    seen.found = seen.found.or(self.current_found(ui, (placed, rect)));
                    self.finished(ui, &palette, (placed, rect), kind, seen.hovered);
                    if placed.begins {
                        let clicked = self.block_clicked(ui, &palette, rect, kind);
                        seen.clicked = seen.clicked.or(clicked);
                    }
                }
            }
        }
        if seen.current_y == 0.0 {
            seen.current_y = height;
        }
        seen
    }

    /// What a screen reader says of the whole.
    fn spoken(&self) -> String {
        let text = self.recording.written(self.moment);
        let shown = text.get(text.floor_char_boundary(self.hidden)..).unwrap_or_default();
        format!("Text: {shown}")
    }
}
