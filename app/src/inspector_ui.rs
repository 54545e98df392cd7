//! One cell, looked into: what it is, what else it could have been, and what can be done with it.

use bdlm::event::{Candidate, Cell, CellState};

use egui::{Align, Button, Layout, Rect, RichText, Role, Sense, TextEdit, Ui, WidgetInfo};
use egui::{pos2, vec2};

use crate::action::Action;
use crate::app::App;
use crate::pane::Stage;
use crate::plots_ui;
use crate::recording::{CellAt, Recording};
use crate::theme::{palette, quiet};
use crate::view::quoted;
use crate::worker::SteerBy;

/// The cell, then the plots.
pub fn inspector_ui(app: &mut App, ui: &mut Ui, actions: &mut Vec<Action>) {
    let (active, pane) = (app.active, app.pane());
    let looked_at = pane.hovered.or(pane.selected);
    let found = looked_at.and_then(|at| {
        let (cell, moments) = pane.recording.cell(pane.position, at)?;
        Some((at, cell.clone(), moments))
    });
    match (found, looked_at) {
        (Some((at, cell, moments)), _) => {
            let listed = candidates(&app.pane().recording, at, moments);
            cell_ui(app, ui, (at, &cell, moments), &listed);
            ui.add_space(6.0);
            if app.pane().selected == Some(at) {
                steer_ui(app, ui, (at, &cell), &listed.0, actions);
            } else {
                quiet(ui, "Click to hold on to it.");
            }
        }
        (None, Some(_)) => quiet(ui, "This cell is not there yet at the step that is shown."),
        (None, None) => quiet(
            ui,
            "Point at a word or a cell to see what the model thought of it; click to hold on to it.",
        ),
    }
    ui.add_space(8.0);
    ui.separator();
    plots_ui::plots_ui(app, ui, active);
}

fn cell_ui(
    app: &App,
    ui: &mut Ui,
    (at, cell, moments): (CellAt, &Cell, [usize; 2]),
    (listed, step): &(Vec<Candidate>, Option<usize>),
) {
    let palette = palette(ui);
    let pane = app.pane();
    let title = format!("Cell {} · block {}", at.cell + 1, at.block_idx + 1);
    ui.label(RichText::new(title).color(palette.quiet));
    let word = quoted(cell.text.as_deref(), cell.token);
    ui.horizontal(|ui| {
        ui.label(RichText::new(format!("“{word}”")).heading().strong());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let digits = if cell.confidence < 0.1 { 4 } else { 2 };
            ui.label(format!("p {:.digits$}", cell.confidence));
        });
    });
    let state = match cell.state {
        CellState::Masked => "masked: this is its candidate".into(),
        CellState::Pinned => "pinned by you".into(),
        CellState::Given => "given by the prompt".into(),
        CellState::Open { step } => match pane.recording.pass_of(step, moments) {
            Some(pass) => format!("opened at step {}, pass {pass}", step + 1),
            None => format!("opened at step {}", step + 1),
        },
    };
    quiet(ui, &format!("{state} · entropy {:.2} nats", cell.entropy.max(0.0)));
    if listed.is_empty() {
        let words = match pane.recording.is_thinned() {
            true => "Its candidates were dropped: the recording was too long.",
            false => "No candidates were recorded.",
        };
        quiet(ui, words);
    }
    for candidate in listed {
        candidate_ui(ui, candidate, candidate.token == cell.token);
    }
    if let Some(step) = step.filter(|_| !matches!(cell.state, CellState::Masked)) {
        quiet(ui, &format!("as the network saw it at step {}", step + 1));
    }
    let history = pane.recording.history(at, cell.token, moments);
    if history.len() > 1 {
        ui.add_space(4.0);
        plots_ui::curve_ui(ui, "p over steps", &history, 1.0);
    }
}

/// The likeliest tokens when they were last told, and at which step.
fn candidates(
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

fn candidate_ui(ui: &mut Ui, candidate: &Candidate, is_it: bool) {
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

/// Pins, masks or branches, or says why not.
fn steer_ui(
    app: &mut App,
    ui: &mut Ui,
    (at, cell): (CellAt, &Cell),
    listed: &[Candidate],
    actions: &mut Vec<Action>,
) {
    let (active, can_steer) = (app.active, app.pane().can_steer());
    let pane = app.pane();
    let step = pane.recording.step(pane.position);
    let is_current = step.is_some_and(|step| step.block_idx == at.block_idx);
    let can_branch = app.can_branch(pane);
    if !is_current {
        quiet(ui, "A finished block does not change: all later ones were drawn from it.");
        let words = format!("Branch after block {}", at.block_idx + 1);
        let response = ui.add_enabled(can_branch, Button::new(words));
        let hint = "Go on from here with another seed, beside this run";
        let other = "The model that wrote it must be loaded";
        if response.on_hover_text(hint).on_disabled_hover_text(other).clicked() {
            actions.push(Action::Branch(active, at.block_idx));
        }
        return;
    }
    if !can_steer || app.playing {
        let is_steerable = app.model.as_ref().is_none_or(|model| model.is_steerable);
        let words = match app.playing {
            _ if pane.stage != Stage::Live => "Only while a run goes on can its block be steered.",
            _ if !is_steerable => "This model draws token by token: there is nothing to steer.",
            true => "Pause to pin a token here or to mask the cell again.",
            false if pane.is_pulling() => "Waiting for the engine …",
            false if pane.is_at_end() => "This block cannot be steered any more.",
            false => "Go to the newest step to steer this block.",
        };
        return quiet(ui, words);
    }
    match cell.state {
        CellState::Masked => pin_ui(app, ui, at, listed, actions),
        CellState::Open { .. } | CellState::Pinned => {
            let response = ui.button("Mask again");
            let hint = "The network draws the cell anew, seeing what is open now";
            if response.on_hover_text(hint).clicked() {
                actions.push(Action::Steer(active, at.cell, SteerBy::Mask));
            }
        }
        CellState::Given => quiet(ui, "This cell belongs to the prompt."),
    }
}

fn pin_ui(app: &mut App, ui: &mut Ui, at: CellAt, listed: &[Candidate], actions: &mut Vec<Action>) {
    let active = app.active;
    ui.horizontal_wrapped(|ui| {
        ui.label("Pin");
        for candidate in listed.iter().take(4) {
            let word = quoted(candidate.text.as_deref(), candidate.token);
            let response = ui.button(&word);
            response.widget_info(|| {
                WidgetInfo::labeled(
                    Role::Button,
                    true,
                    format!("Pin {word}, token {}", candidate.token),
                )
            });
            if response.clicked() {
                actions.push(Action::Steer(active, at.cell, SteerBy::Token(candidate.token)));
            }
        }
    });
    ui.horizontal(|ui| {
        let edit =
            TextEdit::singleline(&mut app.pin).hint_text("another token").desired_width(150.0);
        let response = ui.add(edit);
        response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Token to pin"));
        let entered = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
        let response = ui.add_enabled(!app.pin.is_empty(), Button::new("Pin it"));
        if (response.clicked() || entered) && !app.pin.is_empty() {
            // Words inside a text begin with a blank.
            let is_word = app.pin.starts_with(char::is_alphanumeric);
            let text = if is_word { format!(" {}", app.pin) } else { app.pin.clone() };
            actions.push(Action::Steer(active, at.cell, SteerBy::Text(text)));
        }
    });
}
