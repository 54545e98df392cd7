//! Words of finished blocks.

use bdlm::event::CellState;
use egui::{Align2, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::recording::CellAt;
use crate::views::block::cell::pin;
use crate::views::block::kind::Kind;
use crate::views::block::view::BlockView;
use crate::views::flow::{self, Placed};
use crate::views::theme::Palette;

impl BlockView<'_> {
    /// The first word of a block can be reached with the keyboard, and stands for the block.
    pub(super) fn block_clicked(
        &self,
        ui: &Ui,
        palette: &Palette,
        rect: Rect,
        kind: Kind,
    ) -> Option<CellAt> {
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

    /// Draws a piece of the prompt or of a finished block.
    pub(super) fn finished(
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
        let is_found = self.found_in(placed).next().is_some();
        let color = match kind {
            // On the ground of a match only text can be read.
            _ if is_found => palette.text,
            Kind::Prompt { is_seen: true } => palette.quiet,
            Kind::Prompt { is_seen: false } => palette.faded,
            Kind::Token { is_seen: false, .. } | Kind::Text { is_seen: false } => palette.faded,
            _ => palette.text,
        };
        let text_rect = Rect::from_min_max(pos2(rect.left() + placed.indent, rect.top()), rect.max)
            .shrink2(vec2(-1.0, 3.0));
        if let Kind::Token { at, is_first, index, .. } = kind {
            if self.keep_colors {
                self.paint_kept(ui, palette, text_rect, at);
            }
            if self.marked.is_some_and(|marked| marked.get(index).copied().unwrap_or(false)) {
                let y = text_rect.bottom() - 1.5;
                let line = Stroke::new(2.0, palette.accent);
                ui.painter().hline(text_rect.x_range(), y, line);
            }
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
            if is_first && placed.begins {
                let x = rect.left() + (0.5 * placed.indent - 0.5);
                let line = Stroke::new(1.0, palette.bar);
                ui.painter().vline(x, rect.top() + 6.0..=rect.bottom() - 6.0, line);
            }
        }
        self.paint_found(ui, palette, (placed, rect));
        if let Kind::Token { is_pinned: true, .. } = kind {
            pin(ui.painter(), palette, text_rect.shrink2(vec2(0.0, 2.0)));
        }
        let at = pos2(rect.left(), rect.center().y);
        ui.painter().text(at, Align2::LEFT_CENTER, &placed.text, flow::font(), color);
    }

    /// The colour that a finished word had when it opened.
    fn paint_kept(&self, ui: &Ui, palette: &Palette, rect: Rect, at: CellAt) {
        let Some((cell, moments)) = self.recording.cell(self.moment, at) else { return };
        let is_drawn = matches!(cell.state, CellState::Open { .. });
        let ground =
            if is_drawn { palette.ground(self.strength(cell, moments)) } else { palette.masked };
        ui.painter().rect_filled(rect, 2, ground);
    }
}
