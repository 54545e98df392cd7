//! Which sampler, and its number.

use bdlm::sample::{SamplerKind, SamplerNumber};
use egui::{ComboBox, RichText, Role, Ui, WidgetInfo};

use crate::state::SampleSettings;
use crate::views::randomness::words_of_own;
use crate::views::slider::number_ui;
use crate::views::theme::{note, palette};

/// The choice, and what it means for the text.
pub fn sampler_ui(ui: &mut Ui, settings: &mut SampleSettings) {
    let response = ComboBox::from_id_salt("sampler")
        .width(ui.available_width() - 8.0)
        .selected_text(settings.sampler.name())
        .show_ui(ui, |ui| {
            // Models with a sampler of their own objective offer no choice; those of published chat
            // models are for their models.
            let is_offered = |kind: &SamplerKind| {
                *kind == settings.own.sampler
                    || !kind.is_of_one_objective() && !kind.is_of_chat_models()
            };
            let choice = SamplerKind::ALL.into_iter().filter(is_offered);
            for kind in choice {
                let response = ui.selectable_value(&mut settings.sampler, kind, kind.name());
                response.on_hover_text(kind.description());
            }
        });
    let response = response.response;
    response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Sampler"));
    response.on_hover_text(words_of_own(settings.own.sampler.name()));
    let mark = settings.mark();
    let is_exact = mark.starts_with("exact");
    let color = if is_exact { palette(ui).accent } else { palette(ui).quiet };
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(mark).small().strong().color(color));
        note(ui, settings.sampler.description());
    });
    ui.add_space(4.0);
    sampler_number_ui(ui, settings);
}

fn sampler_number_ui(ui: &mut Ui, settings: &mut SampleSettings) {
    let defaults = SampleSettings::default();
    match settings.number() {
        SamplerNumber::Nothing
        | SamplerNumber::SubBlock
        | SamplerNumber::Fallback
        | SamplerNumber::Projection
        | SamplerNumber::Context => {}
        SamplerNumber::Steps => {
            let sentence = "More steps are closer to the model's distribution.";
            let range = (1..=64, defaults.steps);
            number_ui(ui, ("Steps per block", ""), &mut settings.steps, range, sentence);
        }
        SamplerNumber::Threshold => {
            let sentence = "Cells at least this likely open; one opens in any case.";
            let range = (0.3..=1.0, defaults.threshold);
            number_ui(ui, ("Probability", ""), &mut settings.threshold, range, sentence);
        }
        SamplerNumber::EntropyBound => {
            let sentence = "How much the cells of a step may depend on each other.";
            let range = (0.0..=3.0, defaults.entropy_bound);
            number_ui(ui, ("Bound", "nats"), &mut settings.entropy_bound, range, sentence);
        }
        SamplerNumber::PerPass => {
            let sentence = "More are faster, and less like the model's distribution.";
            let range = (1..=16, defaults.per_pass);
            number_ui(ui, ("Cells per step", ""), &mut settings.per_pass, range, sentence);
        }
    }
}
