//! Words of the text that were looked for.

use std::ops::Range;

use egui::{Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

use crate::views::block::kind::Kind;
use crate::views::block::view::BlockView;
use crate::views::flow::{self, Placed};
use crate::views::theme::Palette;

/// The part of a match that is in a piece.
pub(super) struct FoundPart {
    /// Index of the match.
    index: usize,
    /// Bytes of the piece.
    bytes: Range<usize>,
    /// The match begins here.
    begins: bool,
}

impl BlockView<'_> {
    /// Parts of matches in a piece.
    pub(super) fn found_in(&self, placed: &Placed<Kind>) -> impl Iterator<Item = FoundPart> {
        let (from, end) = (placed.from, placed.from + placed.text.len());
        let all = self.found.map_or(&[][..], |marks| &marks.found[..]);
        let first = all.partition_point(|range| range.end <= from);
        let here = all[first..].iter().take_while(move |range| range.start < end);
        here.zip(first..).map(move |(range, index)| FoundPart {
            index,
            bytes: range.start.max(from) - from..range.end.min(end) - from,
            begins: range.start >= from,
        })
    }

    /// Where the match that is shown begins, if it does in a piece at this place.
    pub(super) fn current_found(
        &self,
        ui: &Ui,
        (placed, rect): (&Placed<Kind>, Rect),
    ) -> Option<Rect> {
        let current = self.found?.current?;
        let part = self.found_in(placed).find(|part| part.begins && part.index == current)?;
        Some(place_of(ui, (placed, rect), &part.bytes))
    }

    /// Paints the ground of matches, and names them for a screen reader.
    pub(super) fn paint_found(
        &self,
        ui: &Ui,
        palette: &Palette,
        (placed, rect): (&Placed<Kind>, Rect),
    ) {
        let current = self.found.and_then(|marks| marks.current);
        for part in self.found_in(placed) {
            let place = place_of(ui, (placed, rect), &part.bytes);
            let is_current = current == Some(part.index);
            ui.painter().rect_filled(place, 3, palette.found);
            if is_current {
                let stroke = Stroke::new(1.5, palette.accent);
                ui.painter().rect_stroke(place, 3, stroke, StrokeKind::Outside);
            }
            if part.begins {
                let id = self.salt.with(("found", part.index));
                let name = if is_current { "Current match" } else { "Match" };
                ui.interact(place, id, Sense::hover()).widget_info(|| {
                    let text = self.recording.written(self.moment);
                    let range = self.found.and_then(|marks| marks.found.get(part.index).cloned());
                    let words = range.and_then(|range| text.get(range)).unwrap_or_default();
                    WidgetInfo::labeled(Role::Label, true, format!("{name}: {words}"))
                });
            }
        }
    }
}

/// Where some bytes of a piece are.
fn place_of(ui: &Ui, (placed, rect): (&Placed<Kind>, Rect), bytes: &Range<usize>) -> Rect {
    let x = |end: usize| {
        let before = placed.text.get(..end).unwrap_or(&placed.text);
        rect.left() + flow::width(ui, before)
    };
    Rect::from_x_y_ranges(x(bytes.start)..=x(bytes.end), rect.y_range()).shrink2(vec2(0.0, 3.0))
}
