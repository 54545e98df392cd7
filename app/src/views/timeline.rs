//! The timeline of a run: transport, one tick a step, and what the run has cost so far.

use egui::{Align, Button, Layout, RichText, Role, Ui, WidgetInfo, vec2};

use crate::state::{Action, Edit, Pane, Speed, State};
use crate::views::strip::strip_ui;
use crate::views::theme::palette;

/// What the bar shows.
pub struct Timeline<'a> {
    pane: &'a Pane,
    active: usize,
    playing: bool,
    speed: Speed,
    /// Whether both panes go together, if there are two.
    in_step: Option<bool>,
    /// There is nothing to show, and nothing to come.
    is_empty: bool,
}

impl Timeline<'_> {
    /// What is shown of the state.
    pub fn of(state: &State) -> Timeline<'_> {
        let pane = state.pane();
        Timeline {
            pane,
            active: state.active,
            playing: state.playing,
            speed: state.prefs.speed,
            in_step: (state.panes.len() == 2).then_some(state.in_step),
            is_empty: pane.recording.moments().is_empty() && !state.is_live(),
        }
    }
}

/// The bar at the window's foot.
pub fn timeline_ui(ui: &mut Ui, timeline: &Timeline<'_>, actions: &mut Vec<Action>) {
    let Timeline { pane, active, .. } = *timeline;
    strip_ui(ui, pane, active, actions);
    ui.horizontal(|ui| {
        transport_ui(ui, timeline, actions);
        // Of a fixed width: nothing moves while a run goes on.
        place_ui(ui, pane);
        cost_ui(ui, pane);
    });
}

/// A label of a fixed width.
fn fixed_ui(ui: &mut Ui, width: f32, words: RichText, hint: &str) {
    if ui.available_width() < width {
        return;
    }
    let size = vec2(width, ui.spacing().interact_size.y);
    let layout = Layout::left_to_right(Align::Center);
    ui.allocate_ui_with_layout(size, layout, |ui| {
        ui.set_min_width(width);
        let response = ui.add(egui::Label::new(words).truncate());
        if !hint.is_empty() {
            response.on_hover_text(hint);
        }
    });
}

fn transport_ui(ui: &mut Ui, timeline: &Timeline<'_>, actions: &mut Vec<Action>) {
    let Timeline { playing, is_empty, in_step, .. } = *timeline;
    let play = if playing { ("⏸", "Pause", "Space") } else { ("▶", "Play", "Space") };
    let buttons = [
        ("⏮", "First step", "Home", Action::First),
        ("◀", "Step back", "Left", Action::StepBack),
        (play.0, play.1, play.2, Action::TogglePlay),
        ("⏵", "Step on", "Right", Action::StepOn),
        ("⏭", "Newest step", "End", Action::Last),
    ];
    for (glyph, label, key, action) in buttons {
        let response = ui.add_enabled(!is_empty, Button::new(glyph).min_size(vec2(30.0, 28.0)));
        response.widget_info(|| WidgetInfo::labeled(Role::Button, !is_empty, label));
        if response.on_hover_text(format!("{label} ({key})")).clicked() {
            actions.push(action);
        }
    }
    speed_ui(ui, timeline.speed, actions);
    if let Some(mut in_step) = in_step {
        let response = ui.checkbox(&mut in_step, "in step");
        if response.on_hover_text("Both sides go together, or each by itself").changed() {
            actions.push(Action::InStep(in_step));
        }
    }
}

fn speed_ui(ui: &mut Ui, speed: Speed, actions: &mut Vec<Action>) {
    let mut chosen = speed;
    let response = egui::ComboBox::from_id_salt("speed")
        .width(50.0)
        .selected_text(speed.name())
        .show_ui(ui, |ui| {
            for speed in Speed::ALL {
                ui.selectable_value(&mut chosen, speed, speed.name());
            }
        })
        .response;
    response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Speed"));
    response
        .on_hover_text("Speed (Up and Down); ×1 is eight steps a second, max as fast as it goes");
    if chosen != speed {
        actions.push(Action::Edit(Edit::Speed(chosen)));
    }
}

/// Model passes, speed and milliseconds.
fn cost_ui(ui: &mut Ui, pane: &Pane) {
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
    let hint = "Passes after which cells opened (network function evaluations, NFE)";
    fixed_ui(ui, 116.0, text(format!("Model passes {}", moment.nfe)), hint);
    fixed_ui(ui, 66.0, text(format!("{rate:.0} tok/s")), "Tokens opened per second of compute");
    fixed_ui(ui, 58.0, text(format!("{median} ms")), "Milliseconds of a step, median");
}

/// Which block, which step.
fn place_ui(ui: &mut Ui, pane: &Pane) {
    let recording = &pane.recording;
    let step = recording.step(pane.position);
    let words = match (step, recording.start(), recording.place(pane.position)) {
        (Some(step), Some(start), Some(place)) => {
            let (number, size) = (step.block_idx + 1, start.block_size.max(1));
            // Where windows overlap, the number of blocks is not known.
            let of = match place.start == step.block_idx.saturating_mul(size) {
                true => format!("/{}", start.length.div_ceil(size)),
                false => String::new(),
            };
            format!("block {number}{of}  step {}", step.step)
        }
        _ if recording.done().is_some() => "finished".into(),
        _ => String::new(),
    };
    fixed_ui(ui, 128.0, RichText::new(words), "Which block, and which step of it; 0: all masked");
    let redraws = recording.redraws(pane.position);
    if redraws > 0 {
        let hint = "The text had fallen into repetition: it was taken back and drawn anew";
        ui.label(format!("redrawn ×{redraws}")).on_hover_text(hint);
    }
}
