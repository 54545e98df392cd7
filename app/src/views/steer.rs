//! What can be done with a cell: pin, mask, branch.

use bdlm::event::{Cell, CellState};
use egui::{Button, Role, TextEdit, Ui, WidgetInfo};

use crate::recording::CellAt;
use crate::state::{Action, Edit, Pane, Stage, State, SteerBy};
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

/// What a click on a candidate does.
pub struct BarClick {
    /// In words.
    pub hint: &'static str,
    moment: usize,
}

impl Steering<'_> {
    /// What a click on a candidate of a cell does; none if nothing can be done.
    pub fn bar_click(&self, (at, cell): (CellAt, &Cell), moments: [usize; 2]) -> Option<BarClick> {
        let is_masked = cell.state == CellState::Masked;
        if cell.state == CellState::Given || !self.is_steerable {
            return None;
        }
        if self.is_live_cell(at) && is_masked {
            return Some(BarClick { hint: "Click to pin it here", moment: usize::MAX });
        }
        let moment = before_opening(self.pane, at, moments)?;
        let hint = "Click to branch: go on with this token here, beside this run";
        self.can_branch.then_some(BarClick { hint, moment })
    }

    /// Does it.
    pub fn act(&self, click: &BarClick, at: CellAt, token: u32) -> Action {
        match click.moment {
            usize::MAX => Action::Steer(self.active, at.cell, SteerBy::Token(token)),
            moment => Action::BranchAt(self.active, moment, Some((at.cell, token))),
        }
    }

    fn is_live_cell(&self, at: CellAt) -> bool {
        let step = self.pane.recording.step(self.pane.position);
        let is_current = step.is_some_and(|step| step.block_idx == at.block_idx);
        is_current && self.pane.can_steer() && !self.playing
    }
}

/// The last moment at which a cell was masked.
fn before_opening(pane: &Pane, at: CellAt, [first, last]: [usize; 2]) -> Option<usize> {
    (first..=last).rev().find(|&moment| {
        let step = pane.recording.step(moment).filter(|step| step.block_idx == at.block_idx);
        let cell = step.and_then(|step| step.cells.get(at.cell));
        cell.is_some_and(|cell| cell.state == CellState::Masked)
    })
}

/// Pins, masks or branches, or says why not.
pub fn steer_ui(
    ui: &mut Ui,
    steering: &Steering<'_>,
    (at, cell): (CellAt, &Cell),
    actions: &mut Vec<Action>,
) {
    let Steering { pane, active, playing, is_steerable, can_branch, pin } = *steering;
    let step = pane.recording.step(pane.position);
    let is_current = step.is_some_and(|step| step.block_idx == at.block_idx);
    if steering.is_live_cell(at) && is_steerable {
        match cell.state {
            CellState::Masked => pin_ui(ui, (active, at), pin, actions),
            CellState::Open { .. } | CellState::Pinned => {
                let response = ui.button("Mask again");
                let hint = "The network draws the cell anew, seeing what is open now";
                if response.on_hover_text(hint).clicked() {
                    actions.push(Action::Steer(active, at.cell, SteerBy::Mask));
                }
            }
            CellState::Given => quiet(ui, "This cell belongs to the prompt."),
        }
    } else {
        quiet(ui, closed(steering, is_current));
    }
    ui.horizontal_wrapped(|ui| {
        let (words, action) = match is_current {
            false => (
                format!("Branch after block {}", at.block_idx + 1),
                Action::Branch(active, at.block_idx),
            ),
            true => {
                ("Branch from this step".to_string(), Action::BranchAt(active, pane.position, None))
            }
        };
        let can = can_branch && (!is_current || is_steerable);
        let response = ui.add_enabled(can, Button::new(words));
        let hint = "Go on from here with another seed, beside this run";
        let other = "The model that wrote it must be loaded";
        if response.on_hover_text(hint).on_disabled_hover_text(other).clicked() {
            actions.push(action);
        }
        if !pane.undo.is_empty() {
            let response = ui.add_enabled(!playing, Button::new("Undo steering"));
            let hint = "Take back what was steered last (Ctrl+Z)";
            if response.on_hover_text(hint).clicked() {
                actions.push(Action::Undo(active));
            }
        }
    });
}

/// Why a cell cannot be steered.
fn closed(steering: &Steering<'_>, is_current: bool) -> &'static str {
    let pane = steering.pane;
    match steering.playing {
        _ if !is_current => "A finished block does not change: all later ones were drawn from it.",
        _ if pane.stage != Stage::Live => "A block can be steered only while its run goes on.",
        _ if !steering.is_steerable => {
            "This model draws token by token: there is nothing to steer."
        }
        true => "Pause to pin a token here or to mask the cell again.",
        false if pane.is_pulling() => "Waiting for the engine …",
        false if pane.is_at_end() => "This block can no longer be steered.",
        false => "Go to the newest step to steer this block, or branch from this one.",
    }
}

fn pin_ui(ui: &mut Ui, (active, at): (usize, CellAt), typed: &str, actions: &mut Vec<Action>) {
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
