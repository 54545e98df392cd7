//! One cell, inspected: what it is, what else it could have been, and what can be done with it.

use bdlm::event::{Candidate, Cell, CellState};
use egui::{Align, Layout, RichText, Ui};

use crate::recording::CellAt;
use crate::state::{Action, Pane, State};
use crate::views::block::quoted;
use crate::views::candidates::{ROW, candidate_ui, candidates};
use crate::views::numbers::digits;
use crate::views::plots::{curve_ui, plots_ui};
use crate::views::steer::{Steering, steer_ui};
use crate::views::theme::{note, palette, quiet};
use crate::views::why::{own_probability, why};

/// Candidates that there is room for.
const ROWS: f32 = 9.0;

/// What the inspector shows.
pub struct Inspector<'a> {
    pane: &'a Pane,
    steering: Steering<'a>,
}

impl Inspector<'_> {
    /// What is shown of the state.
    pub fn of(state: &State) -> Inspector<'_> {
        Inspector { pane: state.pane(), steering: Steering::of(state) }
    }
}

/// The cell, then the plots. Each part has its own room, so that nothing moves under the pointer.
pub fn inspector_ui(ui: &mut Ui, inspector: &Inspector<'_>, actions: &mut Vec<Action>) {
    let pane = inspector.pane;
    let looked_at = pane.hovered.or(pane.selected);
    let found = looked_at.and_then(|at| {
        let (cell, moments) = pane.recording.cell(pane.position, at)?;
        Some((at, cell, moments))
    });
    match (found, looked_at) {
        (Some((at, cell, moments)), _) => cell_ui(ui, inspector, (at, cell, moments), actions),
        (None, Some(_)) => quiet(ui, "This cell does not exist yet at the step that is shown."),
        (None, None) => quiet(
            ui,
            "Point at a word or a cell to see what the model thought of it; click to keep it selected.",
        ),
    }
    ui.add_space(8.0);
    ui.separator();
    plots_ui(ui, pane);
}

/// A part of the inspector that is at least so high.
fn room_ui(ui: &mut Ui, height: f32, contents: impl FnOnce(&mut Ui)) {
    let size = egui::vec2(ui.available_width(), height);
    ui.allocate_ui_with_layout(size, Layout::top_down(Align::Min), |ui| {
        ui.set_min_size(size);
        contents(ui);
    });
}

/// What the cell is, what can be done with it, and what else it could have been.
fn cell_ui(
    ui: &mut Ui,
    inspector: &Inspector<'_>,
    (at, cell, moments): (CellAt, &Cell, [usize; 2]),
    actions: &mut Vec<Action>,
) {
    let (pane, palette) = (inspector.pane, palette(ui));
    let (listed, step) = candidates(&pane.recording, at, moments);
    ui.horizontal(|ui| {
        let title = format!("Cell {} · block {}", at.cell + 1, at.block_idx + 1);
        ui.label(RichText::new(title).color(palette.quiet));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let token =
                if cell.is_blank() { "mask token".into() } else { format!("token {}", cell.token) };
            ui.label(RichText::new(token).small().color(palette.quiet));
        });
    });
    ui.horizontal(|ui| {
        let word = match cell.is_blank() {
            true => "masked".to_string(),
            false => format!("“{}”", quoted(cell.text.as_deref(), cell.token)),
        };
        ui.label(RichText::new(word).heading().strong());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let p = match cell.state {
                CellState::Pinned => own_probability(&pane.recording, at, cell.token, moments),
                _ => (!cell.is_blank()).then_some(cell.confidence),
            };
            ui.label(p.map(|p| format!("p {}", digits(p))).unwrap_or_default());
        });
    });
    room_ui(ui, 76.0, |ui| {
        quiet(ui, &why(pane, (at, cell), moments, &listed));
        let is_drawn = matches!(cell.state, CellState::Open { .. } | CellState::Masked);
        if is_drawn && !cell.is_blank() {
            note(
                ui,
                &format!("Its distribution had an entropy of {:.2} nats.", cell.entropy.max(0.0)),
            );
        }
    });
    room_ui(ui, 92.0, |ui| match pane.selected == Some(at) {
        true => steer_ui(ui, &inspector.steering, (at, cell), actions),
        false => quiet(ui, "Click to keep it selected."),
    });
    let rows = ROWS * (ROW + ui.spacing().item_spacing.y) + 22.0;
    room_ui(ui, rows, |ui| bars_ui(ui, inspector, (at, cell, moments), (&listed, step), actions));
    let history = pane.recording.history(at, cell.token, moments);
    curve_ui(ui, "p over steps", &history, 1.0);
}

/// The likeliest tokens, and the one that was drawn if it is not among them.
fn bars_ui(
    ui: &mut Ui,
    inspector: &Inspector<'_>,
    (at, cell, moments): (CellAt, &Cell, [usize; 2]),
    (listed, step): (&[Candidate], Option<usize>),
    actions: &mut Vec<Action>,
) {
    let (pane, steering) = (inspector.pane, &inspector.steering);
    let words = match step {
        Some(step) => format!("What the model saw at step {step}"),
        None if cell.is_blank() => "Candidates come with the first pass.".into(),
        None if pane.recording.is_thinned() => {
            "Its candidates were dropped: the recording was too long.".into()
        }
        None => "No candidates were recorded.".into(),
    };
    note(ui, &words);
    let click = steering.bar_click((at, cell), moments).filter(|_| pane.selected == Some(at));
    let is_listed = listed.iter().any(|candidate| candidate.token == cell.token);
    let is_drawn = matches!(cell.state, CellState::Open { .. } | CellState::Masked);
    let drawn =
        Candidate { token: cell.token, text: cell.text.clone(), probability: cell.confidence };
    let appended = (!is_listed && is_drawn && !listed.is_empty()).then_some(&drawn);
    for candidate in listed.iter().chain(appended) {
        let hint = click.as_ref().map(|click| click.hint);
        if candidate_ui(ui, candidate, candidate.token == cell.token, hint)
            && let Some(click) = &click
        {
            actions.push(steering.act(click, at, candidate.token));
        }
    }
}
