//! The way to training, at the end of the sheet with the model.

use egui::{RichText, Ui};

use crate::state::{Action, TrainAction};
use crate::views::theme::note;

/// A heading, a sentence and a button.
pub fn train_link_ui(ui: &mut Ui, actions: &mut Vec<Action>) {
    ui.add_space(14.0);
    ui.label(RichText::new("Make one").strong());
    ui.separator();
    note(ui, "A small network learns to write like a text of yours, in minutes.");
    if ui.button("Train a model").clicked() {
        actions.push(Action::Train(TrainAction::Show));
    }
}
