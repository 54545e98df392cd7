//! A cell of the current block.

use bdlm::event::{Cell, CellState};
use egui::{Align2, Color32, CornerRadius, Painter, Rect, Response, Role, Sense, Stroke};
use egui::{StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::recording::CellAt;
use crate::views::block::kind::Kind;
use crate::views::block::view::BlockView;
use crate::views::block::words::spoken;
use crate::views::flow::{self, Placed};
use crate::views::theme::Palette;

const ROUND: CornerRadius = CornerRadius::same(4);

impl BlockView<'_> {
    /// Draws a cell.
    pub(super) fn live(
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
        let color = self.paint_ground(&painter, palette, rect, cell);
        ui.painter_at(rect).text(
            rect.center(),
            Align2::CENTER_CENTER,
            &placed.text,
            flow::font(),
            color,
        );
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
        painter.rect_stroke(rect, ROUND, Stroke::new(1.5, outline), StrokeKind::Inside);
        response
    }

    /// Paints what is behind the text; returns the text's colour.
    fn paint_ground(
        &self,
        painter: &Painter,
        palette: &Palette,
        rect: Rect,
        cell: &Cell,
    ) -> Color32 {
        let mut color = palette.text;
        match cell.state {
            CellState::Masked => {
                painter.rect_filled(rect, ROUND, palette.masked);
                hatch(painter, rect, palette.hatch);
                color = palette.quiet;
            }
            _ => {
                let ground = match cell.state {
                    CellState::Pinned => palette.masked,
                    _ => palette.ground(self.strength(cell)),
                };
                painter.rect_filled(rect, ROUND, ground);
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
        color
    }
}

/// Diagonal lines, seven points apart.
fn hatch(painter: &Painter, rect: Rect, color: Color32) {
    let painter = painter.with_clip_rect(rect.shrink(1.0));
    let mut x = rect.left() - rect.height();
    while x < rect.right() {
        let line = [pos2(x, rect.bottom()), pos2(x + rect.height(), rect.top())];
        painter.line_segment(line, Stroke::new(1.0, color));
        x += 7.0;
    }
}
