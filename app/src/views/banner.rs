//! An error: one sentence, its cause, and a button that does the likely thing.

use egui::{Align, Layout, RichText, Ui};

use crate::state::{Action, Banner};
use crate::views::theme::{palette, primary};

/// The banner.
pub fn banner_ui(ui: &mut Ui, banner: &Banner, actions: &mut Vec<Action>) {
    let palette = palette(ui);
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button("Dismiss").clicked() {
                actions.push(Action::Dismiss);
            }
            if let Some((words, _)) = &banner.remedy
                && ui.add(primary(ui, words)).clicked()
            {
                actions.push(Action::Remedy);
            }
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.label(RichText::new(&banner.sentence).strong().color(palette.text));
                if !banner.cause.is_empty() {
                    ui.label(RichText::new(&banner.cause).color(palette.text));
                }
            });
        });
    });
}
