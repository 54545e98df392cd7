//! One cell, inspected: what it is, what else it could have been, and what can be done with it.

use bdlm::event::{Candidate, Cell, CellState};
use egui::{Align, Layout, RichText, Ui};

use crate::recording::CellAt;
use crate::state::{Action, Pane, State};
use crate::views::block::quoted;
use crate::views::candidates::{candidate_ui, candidates};
use crate::views::plots::{curve_ui, plots_ui};
use crate::views::steer::{Steering, steer_ui};
use crate::views::theme::{palette, quiet};

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

/// The cell, then the plots.
pub fn inspector_ui(ui: &mut Ui, inspector: &Inspector<'_>, actions: &mut Vec<Action>) {
    let pane = inspector.pane;
    let looked_at = pane.hovered.or(pane.selected);
    let found = looked_at.and_then(|at| {
        let (cell, moments) = pane.recording.cell(pane.position, at)?;
        Some((at, cell, moments))
    });
    match (found, looked_at) {
        (Some((at, cell, moments)), _) => {
            let listed = candidates(&pane.recording, at, moments);
            cell_ui(ui, pane, (at, cell, moments), &listed);
            ui.add_space(6.0);
            if pane.selected == Some(at) {
                steer_ui(ui, &inspector.steering, (at, cell), &listed.0, actions);
            } else {
                quiet(ui, "Click to keep it selected.");
            }
        }
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

/// What the cell is, and what else it could have been.
fn cell_ui(
    ui: &mut Ui,
    pane: &Pane,
    (at, cell, moments): (CellAt, &Cell, [usize; 2]),
    (listed, step): &(Vec<Candidate>, Option<usize>),
) {
    let palette = palette(ui);
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
    quiet(ui, &state_words(pane, cell, moments));
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
        quiet(ui, &format!("as the network saw it at step {step}"));
    }
    let history = pane.recording.history(at, cell.token, moments);
    if history.len() > 1 {
        ui.add_space(4.0);
        curve_ui(ui, "p over steps", &history, 1.0);
    }
}

fn state_words(pane: &Pane, cell: &Cell, moments: [usize; 2]) -> String {
    let state = match cell.state {
        CellState::Masked => "masked: this is its candidate".into(),
        CellState::Pinned => "pinned by you".into(),
        CellState::Given => "given by the prompt".into(),
        CellState::Open { step } => match pane.recording.pass_of(step, moments) {
            Some(pass) => format!("opened at step {step}, pass {pass}"),
            None => format!("opened at step {step}"),
        },
    };
    format!("{state} · entropy {:.2} nats", cell.entropy.max(0.0))
}
