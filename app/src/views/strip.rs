//! The strip of the timeline: a tick for each moment, higher where more cells opened.

use egui::{Align2, EventFilter, FontId, Key, Modifiers, Rect, Response, Sense, Ui, WidgetInfo};
use egui::{pos2, vec2};

use crate::state::{Action, Pane};
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
    paint_ticks(ui, pane, rect);
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 4, (1.5, palette.accent), egui::StrokeKind::Inside);
    }
    let at = |x: f32| {
        let part = (x - rect.left()) / rect.width();
        ((part * count as f32).max(0.0) as usize).min(count - 1)
    };
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

fn paint_ticks(ui: &Ui, pane: &Pane, rect: Rect) {
    let palette = palette(ui);
    let moments = pane.recording.moments();
    let width = rect.width() / moments.len() as f32;
    let most = moments.iter().map(|m| m.opened).max().unwrap_or(1).max(2) as f32;
    let painter = ui.painter_at(rect);
    let mut block = None;
    for (i, moment) in moments.iter().enumerate() {
        let left = rect.left() + i as f32 * width;
        let here = pane.recording.step(i).map(|step| step.block_idx);
        if here != block && i > 0 && width > 0.4 {
            painter.vline(left, rect.y_range(), (1.0, palette.boundary));
        }
        block = here;
        let height = (rect.height() - 10.0) * (moment.opened as f32 / most).max(0.12);
        let gap = if width > 3.0 { 0.5 } else { 0.0 };
        let tick = Rect::from_min_max(
            pos2(left + gap, rect.bottom() - 3.0 - height),
            pos2((left + width - gap).max(left + 0.6), rect.bottom() - 3.0),
        );
        let color = match () {
            () if i == pane.position => palette.accent,
            () if moment.confidence.is_nan() => palette.boundary,
            () => palette.ground(moment.confidence).gamma_multiply(if i > pane.position {
                0.55
            } else {
                1.0
            }),
        };
        painter.rect_filled(tick, 1, color);
        if moment.is_steered {
            painter.circle_filled(pos2(tick.center().x, rect.top() + 4.0), 2.5, palette.accent);
        }
    }
    let x = rect.left() + (pane.position as f32 + 0.5) * width;
    painter.vline(x, rect.y_range(), (1.5, palette.accent));
}

fn tooltip(pane: &Pane, response: &Response, at: impl Fn(f32) -> usize) {
    let Some(pointer) = response.hover_pos() else { return };
    let moment = at(pointer.x);
    let Some(pointed) = pane.recording.moments().get(moment) else { return };
    let words = match pane.recording.step(moment) {
        Some(step) if pointed.is_steered => format!("block {}, steered by you", step.block_idx + 1),
        Some(step) => format!(
            "block {}, step {}: {} opened, {} masked",
            step.block_idx + 1,
            step.step,
            pointed.opened,
            pointed.masked
        ),
        None => "the finished text".into(),
    };
    response.clone().on_hover_text_at_pointer(words);
}
