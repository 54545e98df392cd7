//! The film strip of a run: transport, one tick a step, and what it cost so far.

use egui::{Align, Align2, Button, EventFilter, FontId, Key, Layout, Modifiers, Rect, Response};
use egui::{RichText, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::action::Action;
use crate::app::App;
use crate::pane::Pane;
use crate::settings::Speed;
use crate::theme::palette;

/// The bar at the window's foot.
pub fn timeline_ui(app: &mut App, ui: &mut Ui, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        transport_ui(app, ui, actions);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            cost_ui(app.pane(), ui);
            place_ui(app.pane(), ui);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| strip_ui(app, ui, actions));
        });
    });
}

fn transport_ui(app: &mut App, ui: &mut Ui, actions: &mut Vec<Action>) {
    let is_empty = app.pane().recording.moments().is_empty() && !app.is_live();
    let play = if app.playing { ("⏸", "Pause", "Space") } else { ("▶", "Play", "Space") };
    let buttons = [
        ("⏮", "First step", "Home", Action::First),
        ("◀", "Step back", "←", Action::StepBack),
        (play.0, play.1, play.2, Action::TogglePlay),
        ("⏵", "Step on", "→", Action::StepOn),
        ("⏭", "Newest step", "End", Action::Last),
    ];
    for (glyph, label, key, action) in buttons {
        let response = ui.add_enabled(!is_empty, Button::new(glyph).min_size(vec2(30.0, 28.0)));
        response.widget_info(|| WidgetInfo::labeled(Role::Button, !is_empty, label));
        if response.on_hover_text(format!("{label} ({key})")).clicked() {
            actions.push(action);
        }
    }
    let response = egui::ComboBox::from_id_salt("speed")
        .width(50.0)
        .selected_text(app.prefs.speed.name())
        .show_ui(ui, |ui| {
            for speed in Speed::ALL {
                ui.selectable_value(&mut app.prefs.speed, speed, speed.name());
            }
        })
        .response;
    response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Speed"));
    response.on_hover_text("Speed (↑ and ↓); ×1 is eight steps a second, max as fast as it goes");
    if app.panes.len() == 2 {
        let mut in_step = app.in_step;
        let response = ui.checkbox(&mut in_step, "in step");
        if response.on_hover_text("Both sides go together, or each by itself").changed() {
            actions.push(Action::InStep(in_step));
        }
    }
}

/// Evaluations, speed and milliseconds.
fn cost_ui(pane: &Pane, ui: &mut Ui) {
    let Some(moment) = pane.recording.moments().get(pane.position) else { return };
    let quiet = palette(ui).quiet;
    let text = |words: String| RichText::new(words).color(quiet);
    let before = &pane.recording.moments()[..=pane.position];
    let mut ms: Vec<f32> = before.iter().map(|m| m.ms).filter(|ms| *ms > 0.0).collect();
    ms.sort_by(f32::total_cmp);
    let median = ms.get(ms.len() / 2).copied().unwrap_or(0.0);
    let opened: usize = before.iter().map(|m| m.opened).sum();
    let secs: f32 = ms.iter().sum::<f32>() / 1e3;
    let rate = if secs > 0.0 { opened as f32 / secs } else { 0.0 };
    let median = if median < 10.0 { format!("{median:.1}") } else { format!("{median:.0}") };
    ui.label(text(format!("{median} ms"))).on_hover_text("Milliseconds of a step, median");
    ui.label(text(format!("{rate:.0} tok/s"))).on_hover_text("Tokens opened per second of compute");
    let hint = "Network function evaluations: passes after which cells opened";
    ui.label(text(format!("NFE {}", moment.nfe))).on_hover_text(hint);
}

/// Which block, which step.
fn place_ui(pane: &Pane, ui: &mut Ui) {
    let recording = &pane.recording;
    let step = recording.step(pane.position);
    let words = match (step, recording.start(), recording.place(pane.position)) {
        (Some(step), Some(start), Some(place)) => {
            let (number, size) = (step.block_idx + 1, start.block_size.max(1));
            // Where windows overlap it is not known how many there will be.
            let of = match place.start == step.block_idx.saturating_mul(size) {
                true => format!("/{}", start.length.div_ceil(size)),
                false => String::new(),
            };
            format!("block {number}{of}  step {}", step.step + 1)
        }
        _ if recording.done().is_some() => "finished".into(),
        _ => String::new(),
    };
    ui.label(words);
    let redraws = recording.redraws(pane.position);
    if redraws > 0 {
        let hint = "The text had fallen into repetition: it was taken back and drawn anew";
        ui.label(format!("redrawn ×{redraws}")).on_hover_text(hint);
    }
}

/// Ticks: higher where more was decided, block boundaries as notches.
fn strip_ui(app: &App, ui: &mut Ui, actions: &mut Vec<Action>) {
    let (pane, active) = (app.pane(), app.active);
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
    paint_ticks(pane, ui, rect);
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

fn paint_ticks(pane: &Pane, ui: &Ui, rect: Rect) {
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
    let Some(told) = pane.recording.moments().get(moment) else { return };
    let words = match pane.recording.step(moment) {
        Some(step) if told.is_steered => format!("block {}, steered by you", step.block_idx + 1),
        Some(step) => format!(
            "block {}, step {}: {} opened, {} masked",
            step.block_idx + 1,
            step.step + 1,
            told.opened,
            told.masked
        ),
        None => "the finished text".into(),
    };
    response.clone().on_hover_text_at_pointer(words);
}
