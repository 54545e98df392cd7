//! What else a cell could have been.

use bdlm::event::Candidate;
use egui::{Color32, Rect, Role, Sense, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::recording::{CellAt, Recording};
use crate::views::block::quoted;
use crate::views::numbers::digits;
use crate::views::theme::palette;

/// Height of a bar.
pub const ROW: f32 = 20.0;

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

/// A token with its probability as a bar; `is_it` if the cell holds it, `hint` if a click does
/// something. True if it was clicked.
pub fn candidate_ui(ui: &mut Ui, candidate: &Candidate, is_it: bool, hint: Option<&str>) -> bool {
    let palette = palette(ui);
    let size = vec2(ui.available_width(), ROW);
    let sense = if hint.is_some() { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(size, sense);
    let word = quoted(candidate.text.as_deref(), candidate.token);
    let p = digits(candidate.probability);
    let spoken = match hint {
        Some(_) => format!("Pin {word}, token {}, probability {p}", candidate.token),
        None => format!("Candidate {word}, token {}, probability {p}", candidate.token),
    };
    let role = if hint.is_some() { Role::Button } else { Role::Label };
    response.widget_info(|| WidgetInfo::labeled(role, true, &spoken));
    let bar = Rect::from_min_max(
        rect.min,
        pos2(rect.left() + rect.width() * candidate.probability.clamp(0.0, 1.0), rect.bottom()),
    );
    ui.painter().rect_filled(rect, 3, palette.masked);
    ui.painter().rect_filled(bar, 3, palette.accent.gamma_multiply(if is_it { 0.5 } else { 0.25 }));
    let stroke = match (is_it, hint.is_some() && (response.hovered() || response.has_focus())) {
        (_, true) => palette.accent,
        (true, _) => palette.quiet,
        _ => Color32::TRANSPARENT,
    };
    ui.painter().rect_stroke(rect, 3, (1.0, stroke), StrokeKind::Inside);
    let font = egui::TextStyle::Body.resolve(ui.style());
    let left = pos2(rect.left() + 7.0, rect.center().y);
    let right = pos2(rect.right() - 7.0, rect.center().y);
    let painter = ui.painter_at(rect.with_max_x(rect.right() - 56.0));
    painter.text(left, egui::Align2::LEFT_CENTER, &word, font.clone(), palette.text);
    ui.painter().text(right, egui::Align2::RIGHT_CENTER, p, font, palette.text);
    let words = format!("token {}\n{}", candidate.token, hint.unwrap_or_default());
    response.on_hover_text(words.trim_end()).clicked()
}
