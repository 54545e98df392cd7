//! How much chance there is in a text.

use egui::{DragValue, Ui};

use crate::state::SampleSettings;
use crate::views::slider::number_ui;
use crate::views::theme::note;

/// Temperature, truncation and seed.
pub fn randomness_ui(ui: &mut Ui, settings: &mut SampleSettings) {
    let defaults = SampleSettings::default();
    let sentence = "Below 1 likely tokens become likelier; 0 always takes the likeliest.";
    let range = (0.0..=2.0, defaults.temperature);
    number_ui(ui, ("Temperature", ""), &mut settings.temperature, range, sentence);
    let sentence = "Draw from the likeliest tokens that sum to this; 1 draws from all.";
    number_ui(ui, ("Top-p", ""), &mut settings.top_p, (0.05..=1.0, defaults.top_p), sentence);
    let sentence = "Draw only from the K likeliest tokens; 0 draws from all.";
    number_ui(ui, ("Top-k", "tokens"), &mut settings.top_k, (0..=200, defaults.top_k), sentence);
    ui.horizontal(|ui| {
        let label = ui.label("Seed").id;
        ui.add(DragValue::new(&mut settings.seed)).labelled_by(label);
        if ui.button("New").on_hover_text("The next seed: another text").clicked() {
            settings.seed = settings.seed.wrapping_add(1);
        }
    });
    note(ui, "The same seed and settings give the same text.");
}
