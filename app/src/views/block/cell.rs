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
        let moments = self.current_moments();
        let color = self.paint_ground(&painter, palette, (rect, cell), moments);
        let galley = painter.layout_no_wrap(placed.text.clone(), flow::font(), color);
        if cell.state == CellState::Masked && !placed.text.is_empty() {
            // The hatching stays around the candidate.
            let behind = Rect::from_center_size(rect.center(), galley.size() + vec2(4.0, -6.0));
            painter.rect_filled(behind.intersect(rect.shrink(1.0)), 2, palette.masked);
        }
        let corner = Align2::CENTER_CENTER.anchor_size(rect.center(), galley.size()).min;
        ui.painter_at(rect).galley(corner, galley, color);
        if cell.state == CellState::Pinned {
            pin(&painter, palette, rect);
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
        (rect, cell): (Rect, &Cell),
        moments: [usize; 2],
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
                    _ => palette.ground(self.strength(cell, moments)),
                };
                // A reveal is a short light, in the cell's own place.
                let glow = if self.opens_now(cell) { 0.4 * self.glow } else { 0.0 };
                painter.rect_filled(rect, ROUND, ground.lerp_to_gamma(palette.glow, glow));
            }
        }
        color
    }
}

/// The mark of a pinned token.
pub fn pin(painter: &Painter, palette: &Palette, rect: Rect) {
    let at = pos2(rect.right() - 1.0, rect.top() + 1.0);
    painter.circle_filled(at, 3.5, palette.accent);
    painter.circle_filled(at, 1.3, palette.on_accent);
}

/// Diagonal lines, seven points apart.
pub fn hatch(painter: &Painter, rect: Rect, color: Color32) {
    let painter = painter.with_clip_rect(rect.shrink(1.0));
    let mut x = rect.left() - rect.height();
    while x < rect.right() {
        let line = [pos2(x, rect.bottom()), pos2(x + rect.height(), rect.top())];
        painter.line_segment(line, Stroke::new(1.0, color));
        x += 7.0;
    }
}
