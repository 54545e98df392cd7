//! Where there is room for one thing at a time: the way back to the text.

use egui::Ui;

use crate::state::{Action, Sheet, State};

/// Closes what covers the text.
pub fn back_ui(ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
    if ui.button("‹ Back to the text").clicked() {
        if state.sheet != Sheet::Inspector {
            actions.push(Action::Sheet(state.sheet));
        }
        actions.push(Action::Select(state.active, None));
    }
    ui.add_space(6.0);
}
