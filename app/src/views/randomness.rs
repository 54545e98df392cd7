//! How much chance there is in a text.

use egui::{DragValue, Ui};

use crate::state::SampleSettings;
use crate::views::slider::number_ui;
use crate::views::theme::note;

/// Temperature and truncation.
pub fn randomness_ui(ui: &mut Ui, settings: &mut SampleSettings) {
    let own = settings.own;
    let sentence = "Below 1 likely tokens become likelier; 0 always takes the likeliest.";
    let range = (0.0..=2.0, own.temperature);
    number_ui(ui, ("Temperature", ""), &mut settings.temperature, range, sentence)
        .on_hover_text(words_of_own(own.temperature));
    let sentence = "Draw from the likeliest tokens that sum to this; 1 draws from all.";
    number_ui(ui, ("Top-p", ""), &mut settings.top_p, (0.05..=1.0, own.top_p), sentence)
        .on_hover_text(words_of_own(own.top_p));
    let sentence = "Draw only from the K likeliest tokens; 0 draws from all.";
    number_ui(ui, ("Top-k", "tokens"), &mut settings.top_k, (0..=200, own.top_k), sentence)
        .on_hover_text(words_of_own(own.top_k));
}

/// What the model was published with, for who points at a setting.
pub fn words_of_own(own: impl std::fmt::Display) -> String {
    format!(
        "This model was published with {own}; until you change it, a model's own choice is used"
    )
}

/// The seed of the next run, and whether it stays.
pub fn seed_ui(ui: &mut Ui, settings: &mut SampleSettings) {
    ui.horizontal(|ui| {
        let label = ui.label("Seed").id;
        let response = ui.add(DragValue::new(&mut settings.seed)).labelled_by(label);
        settings.is_seed_locked |= response.changed();
        ui.checkbox(&mut settings.is_seed_locked, "Lock")
            .on_hover_text("Keep this seed: Generate gives the same text again");
    });
    let words = match settings.is_seed_locked {
        true => "Locked: the same seed and settings give the same text.",
        false => "Each run gets a new seed. Lock it to get the same text again.",
    };
    note(ui, words);
}
