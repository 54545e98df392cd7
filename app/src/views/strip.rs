//! The strip of the timeline: a tick for each moment, higher where more cells opened or the one was
//! more certain, and dots for what is to come.

use bdlm::event::{Cell, CellState};
use egui::{Align2, EventFilter, FontId, Key, Modifiers, Rect, Response, Sense, Ui, WidgetInfo};
use egui::{pos2, vec2};

use crate::recording::Moment;
use crate::state::{Action, Pane};
use crate::views::slots::Slots;
use crate::views::theme::palette;

/// The strip; block boundaries are lines.
pub fn strip_ui(ui: &mut Ui, pane: &Pane, active: usize, actions: &mut Vec<Action>) {
    let size = vec2(ui.available_width().max(40.0), 34.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    let count = pane.recording.moments().len();
    response.widget_info(|| WidgetInfo::slider(count > 0, pane.position as f64, "Timeline"));
    let palette = palette(ui);
    ui.painter().rect_filled(rect, 4, ui.visuals().extreme_bg_color);
    if count == 0 {
        let at = rect.center();
        let words = "Every step of a run will be here";
        let font = FontId::proportional(11.5);
        ui.painter().text(at, Align2::CENTER_CENTER, words, font, palette.quiet);
        return;
    }
    let slots = Slots::of(&pane.recording);
    paint_ticks(ui, pane, rect, &slots);
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 4, (1.5, palette.accent), egui::StrokeKind::Inside);
    }
    let at = |x: f32| slots.moment((x - rect.left()) / rect.width());
    if let Some(pointer) = response.interact_pointer_pos()
        && (response.is_pointer_button_down_on() || response.clicked())
    {
        actions.push(Action::Show(active, at(pointer.x)));
    }
    keys(ui, &response, actions);
    tooltip(pane, &response, at);
}

/// The strip is a slider: arrows and a screen reader's commands move it.
fn keys(ui: &Ui, response: &Response, actions: &mut Vec<Action>) {
    use egui::accesskit::Action::{Decrement, Increment};
    if response.has_focus() {
        let arrows = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
        let pressed = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
        actions.extend(pressed(Key::ArrowRight).then_some(Action::StepOn));
        actions.extend(pressed(Key::ArrowLeft).then_some(Action::StepBack));
    }
    let asked = |action| ui.input(|i| i.has_accesskit_action_request(response.id, action));
    actions.extend(asked(Increment).then_some(Action::StepOn));
    actions.extend(asked(Decrement).then_some(Action::StepBack));
}

fn paint_ticks(ui: &Ui, pane: &Pane, rect: Rect, slots: &Slots) {
    let palette = palette(ui);
    let moments = pane.recording.moments();
    let most = moments.iter().map(|m| m.opened).max().unwrap_or(1).max(1) as f32;
    let painter = ui.painter_at(rect);
    let x = |part: f32| rect.left() + part * rect.width();
    for part in slots.boundaries() {
        painter.vline(x(part), rect.y_range(), (1.0, palette.boundary));
    }
    for part in slots.dots() {
        painter.circle_filled(pos2(x(part), rect.bottom() - 6.0), 1.0, palette.hatch);
    }
    for (i, moment) in moments.iter().enumerate() {
        let (left, width) = slots.place(i);
        let (left, width) = (x(left), width * rect.width());
        let gap = if width > 3.0 { 0.5 } else { 0.0 };
        let height = (rect.height() - 10.0) * height(moment, most);
        let tick = Rect::from_min_max(
            pos2(left + gap, rect.bottom() - 3.0 - height),
            pos2((left + width - gap).max(left + 0.6), rect.bottom() - 3.0),
        );
        let color = match () {
            () if i == pane.position => palette.accent,
            () if moment.opened_confidence.is_nan() => palette.boundary,
            () => palette.tick(certainty(moment)).gamma_multiply(match i > pane.position {
                true => 0.55,
                false => 1.0,
            }),
        };
        painter.rect_filled(tick, 1, color);
        if moment.is_steered {
            painter.circle_filled(pos2(tick.center().x, rect.top() + 4.0), 2.5, palette.accent);
        }
        if i == pane.position {
            painter.vline(tick.center().x, rect.y_range(), (1.5, palette.accent));
        }
    }
}

/// How certain the tokens were that opened, 0 to 1, by the logarithm.
fn certainty(moment: &Moment) -> f32 {
    (1.0 + moment.opened_confidence.max(1e-4).log10() / 4.0).clamp(0.0, 1.0)
}

/// Height of a tick, 0 to 1: how many cells opened, or how certain the one was where only one opens
/// in a step.
fn height(moment: &Moment, most: f32) -> f32 {
    match moment.opened {
        0 => 0.08,
        _ if most > 1.0 => moment.opened as f32 / most,
        _ => 0.15 + 0.85 * certainty(moment),
    }
}

/// What is at the pointer: the step, and its block.
fn tooltip(pane: &Pane, response: &Response, at: impl Fn(f32) -> usize) {
    let Some(pointer) = response.hover_pos() else { return };
    let moment = at(pointer.x);
    let Some(pointed) = pane.recording.moments().get(moment) else { return };
    let words = match pane.recording.step(moment) {
        Some(step) => {
            let (block, number) = (step.block_idx + 1, step.step);
            let cells: String = step.cells.iter().map(preview).collect();
            let what = match (pointed.is_steered, number, pointed.opened) {
                (true, ..) => "steered by you".into(),
                (_, 0, _) => "all masked".into(),
                (_, _, 1) => format!("1 opened, p {:.3}", pointed.opened_confidence),
                (_, _, opened) => {
                    format!("{opened} opened, p {:.3} on average", pointed.opened_confidence)
                }
            };
            format!(
                "block {block}, step {number}: {what}, {} masked\n{}",
                pointed.masked,
                cells.trim()
            )
        }
        None => "the finished text".into(),
    };
    response.clone().on_hover_text_at_pointer(words);
}

/// A cell in the preview of a step.
fn preview(cell: &Cell) -> String {
    match cell.state {
        CellState::Masked => " ____".into(),
        _ => cell.text.clone().unwrap_or_else(|| format!(" {}", cell.token)),
    }
}
