//! What can be done with a cell: pin, mask, branch.

use bdlm::event::{Candidate, Cell, CellState};
use egui::{Button, Role, TextEdit, Ui, WidgetInfo};

use crate::recording::CellAt;
use crate::state::{Action, Edit, Pane, Stage, State, SteerBy};
use crate::views::block::quoted;
use crate::views::theme::quiet;

/// What decides how cells can be steered.
pub struct Steering<'a> {
    pane: &'a Pane,
    active: usize,
    playing: bool,
    /// The model's cells begin masked.
    is_steerable: bool,
    can_branch: bool,
    /// A token to pin, as it is typed.
    pin: &'a str,
}

impl Steering<'_> {
    /// What is shown of the state.
    pub fn of(state: &State) -> Steering<'_> {
        let pane = state.pane();
        Steering {
            pane,
            active: state.active,
            playing: state.playing,
            is_steerable: state.models.loaded.as_ref().is_none_or(|model| model.is_steerable),
            can_branch: state.can_branch(pane),
            pin: &state.pin,
        }
    }
}

/// Pins, masks or branches, or says why not.
pub fn steer_ui(
    ui: &mut Ui,
    steering: &Steering<'_>,
    (at, cell): (CellAt, &Cell),
    listed: &[Candidate],
    actions: &mut Vec<Action>,
) {
    let Steering { pane, active, playing, is_steerable, can_branch, pin } = *steering;
    let step = pane.recording.step(pane.position);
    let is_current = step.is_some_and(|step| step.block_idx == at.block_idx);
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
    if !pane.can_steer() || playing {
        let words = match playing {
            _ if pane.stage != Stage::Live => "A block can be steered only while its run goes on.",
            _ if !is_steerable => "This model draws token by token: there is nothing to steer.",
            true => "Pause to pin a token here or to mask the cell again.",
            false if pane.is_pulling() => "Waiting for the engine …",
            false if pane.is_at_end() => "This block can no longer be steered.",
            false => "Go to the newest step to steer this block.",
        };
        return quiet(ui, words);
    }
    match cell.state {
        CellState::Masked => pin_ui(ui, (active, at), (pin, listed), actions),
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

fn pin_ui(
    ui: &mut Ui,
    (active, at): (usize, CellAt),
    (typed, listed): (&str, &[Candidate]),
    actions: &mut Vec<Action>,
) {
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
        let mut pin = typed.to_string();
        let edit = TextEdit::singleline(&mut pin).hint_text("another token").desired_width(150.0);
        let response = ui.add(edit);
        let changed = response.changed();
        response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Token to pin"));
        let entered = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
        let response = ui.add_enabled(!pin.is_empty(), Button::new("Pin it"));
        if changed {
            actions.push(Action::Edit(Edit::Pin(pin.clone())));
        }
        if (response.clicked() || entered) && !pin.is_empty() {
            // Words inside a text begin with a blank.
            let is_word = pin.starts_with(char::is_alphanumeric);
            let text = if is_word { format!(" {pin}") } else { pin };
            actions.push(Action::Steer(active, at.cell, SteerBy::Text(text)));
        }
    });
}
