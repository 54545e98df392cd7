//! The sheet with the settings: how long, which sampler, how much chance, how it looks.

use bdlm::sample::{SamplerKind, SamplerNumber};
use egui::{Button, ComboBox, DragValue, RichText, Role, Slider, Ui, WidgetInfo};

use crate::app::App;
use crate::settings::{SampleSettings, ThemeChoice};
use crate::theme::{note, palette};
use crate::view::ColorBy;

/// All settings.
pub fn settings_ui(app: &mut App, ui: &mut Ui) {
    let block_size = app.model.as_ref().and_then(|model| model.block_size);
    let has_blocks = app.model.as_ref().is_none_or(|model| model.block_size.is_some());
    let has_samplers = app.model.as_ref().is_none_or(|model| model.has_samplers);
    let two = app.panes.len() == 2;
    if two {
        ui.horizontal(|ui| {
            ui.selectable_value(&mut app.active, 0, "Left side");
            ui.selectable_value(&mut app.active, 1, "Right side");
        });
        ui.add_space(4.0);
    }
    let settings = &mut app.prefs.panes[if two { app.active } else { 0 }];
    heading(ui, "Length and blocks");
    length_ui(ui, settings);
    if has_blocks {
        block_ui(ui, settings, block_size);
    }
    heading(ui, "Sampler");
    if has_samplers {
        sampler_ui(ui, settings);
    } else {
        note(ui, "This model is sampled in its own way.");
    }
    heading(ui, "Randomness");
    randomness_ui(ui, settings);
    heading(ui, "Window");
    window_ui(app, ui);
    ui.add_space(8.0);
    note(ui, "Changes apply to the next run.");
}

fn heading(ui: &mut Ui, words: &str) {
    ui.add_space(8.0);
    ui.label(RichText::new(words).strong());
    ui.separator();
}

/// A number with its slider, a reset and a sentence.
fn number_ui<N: egui::emath::Numeric>(
    ui: &mut Ui,
    (name, unit): (&str, &str),
    value: &mut N,
    (range, default): (std::ops::RangeInclusive<N>, N),
    sentence: &str,
) {
    ui.horizontal(|ui| {
        ui.label(name);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let is_default = *value == default;
            let reset = ui.add_enabled(!is_default, Button::new("↺").frame(false));
            let label = format!("Reset {}", name.to_lowercase());
            reset.widget_info(|| WidgetInfo::labeled(Role::Button, !is_default, &label));
            if reset.on_hover_text(&label).clicked() {
                *value = default;
            }
        });
    });
    let suffix = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    let response = ui.add(Slider::new(value, range).suffix(suffix));
    let now = value.to_f64();
    response.widget_info(|| WidgetInfo::slider(true, now, name));
    note(ui, sentence);
    ui.add_space(4.0);
}

fn length_ui(ui: &mut Ui, settings: &mut SampleSettings) {
    let default = SampleSettings::default().length;
    let sentence =
        "Of the finished sequence, with the prompt; the window slides over longer texts.";
    number_ui(ui, ("Length", "tokens"), &mut settings.length, (8..=4096, default), sentence);
}

fn block_ui(ui: &mut Ui, settings: &mut SampleSettings, own: Option<usize>) {
    let own = own.map_or("the model's".into(), |size| format!("the model's: {size}"));
    let shown = settings.block_size.map_or(own.clone(), |size| size.to_string());
    ui.horizontal(|ui| {
        ui.label("Block size");
        let response =
            ComboBox::from_id_salt("block size").selected_text(shown).show_ui(ui, |ui| {
                ui.selectable_value(&mut settings.block_size, None, own);
                for size in [1, 2, 4, 8, 16, 32] {
                    ui.selectable_value(&mut settings.block_size, Some(size), size.to_string());
                }
            });
        response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Block size"));
    });
    note(ui, "Tokens that are denoised together; 1 writes token by token.");
    ui.add_space(4.0);
}

fn sampler_ui(ui: &mut Ui, settings: &mut SampleSettings) {
    let response = ComboBox::from_id_salt("sampler")
        .width(ui.available_width() - 8.0)
        .selected_text(settings.sampler.name())
        .show_ui(ui, |ui| {
            // Models that take the analytic sampler take no choice.
            let choice = SamplerKind::ALL.into_iter().filter(|&kind| kind != SamplerKind::Analytic);
            for kind in choice {
                let response = ui.selectable_value(&mut settings.sampler, kind, kind.name());
                response.on_hover_text(kind.description());
            }
        });
    response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Sampler"));
    let mark = settings.mark();
    let is_exact = mark.starts_with("exact");
    let color = if is_exact { palette(ui).accent } else { palette(ui).quiet };
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(mark).small().strong().color(color));
        note(ui, settings.sampler.description());
    });
    ui.add_space(4.0);
    let defaults = SampleSettings::default();
    match settings.sampler.number() {
        SamplerNumber::Nothing => {}
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

fn randomness_ui(ui: &mut Ui, settings: &mut SampleSettings) {
    let defaults = SampleSettings::default();
    let sentence = "Below 1 likely tokens become likelier; 0 always takes the likeliest.";
    let range = (0.0..=2.0, defaults.temperature);
    number_ui(ui, ("Temperature", ""), &mut settings.temperature, range, sentence);
    let sentence = "Draw from the likeliest tokens that sum to this; 1 draws from all.";
    number_ui(ui, ("Top-p", ""), &mut settings.top_p, (0.05..=1.0, defaults.top_p), sentence);
    let sentence = "Draw from so many of the likeliest tokens; 0 draws from all.";
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

fn window_ui(app: &mut App, ui: &mut Ui) {
    ui.horizontal(|ui| {
        ui.label("Theme");
        for choice in [ThemeChoice::System, ThemeChoice::Light, ThemeChoice::Dark] {
            let name = choice.name().trim_end_matches(" theme");
            ui.selectable_value(&mut app.prefs.theme, choice, name);
        }
    });
    ui.horizontal(|ui| {
        ui.label("Colour by");
        ui.selectable_value(&mut app.prefs.color_by, ColorBy::Confidence, "confidence");
        ui.selectable_value(&mut app.prefs.color_by, ColorBy::Entropy, "entropy");
    });
    ui.checkbox(&mut app.prefs.reduce_motion, "Reduce motion");
}
