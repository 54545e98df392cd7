//! What else a cell could have been.

use bdlm::event::Candidate;
use egui::{Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::recording::{CellAt, Recording};
use crate::views::block::quoted;
use crate::views::theme::palette;

/// The likeliest tokens when they were last reported, and at which step.
pub fn candidates(
    recording: &Recording,
    at: CellAt,
    [first, last]: [usize; 2],
) -> (Vec<Candidate>, Option<usize>) {
    for moment in (first..=last).rev() {
        let Some(step) = recording.step(moment) else { continue };
        if let Some(cell) = step.cells.get(at.cell).filter(|cell| !cell.candidates.is_empty()) {
            return (cell.candidates.clone(), Some(step.step));
        }
    }
    (Vec::new(), None)
}

/// A token with its probability as a bar; `is_it` if the cell holds it.
pub fn candidate_ui(ui: &mut Ui, candidate: &Candidate, is_it: bool) {
    let palette = palette(ui);
    let size = vec2(ui.available_width(), 20.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let word = quoted(candidate.text.as_deref(), candidate.token);
    let spoken = format!("Candidate {word}, probability {:.2}", candidate.probability);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
    let bar = Rect::from_min_max(
        rect.min,
        pos2(rect.left() + rect.width() * candidate.probability.clamp(0.0, 1.0), rect.bottom()),
    );
    ui.painter().rect_filled(rect, 3, palette.masked);
    ui.painter().rect_filled(bar, 3, palette.accent.gamma_multiply(if is_it { 0.5 } else { 0.25 }));
    let font = egui::TextStyle::Body.resolve(ui.style());
    let left = pos2(rect.left() + 7.0, rect.center().y);
    let right = pos2(rect.right() - 7.0, rect.center().y);
    let painter = ui.painter_at(rect.with_max_x(rect.right() - 44.0));
    painter.text(left, egui::Align2::LEFT_CENTER, &word, font.clone(), palette.text);
    let number = format!("{:.3}", candidate.probability);
    ui.painter().text(right, egui::Align2::RIGHT_CENTER, number, font, palette.text);
}
