//! The sheet with the settings: how long, which sampler, how much chance, how it looks.

use egui::{ComboBox, RichText, Role, Ui, WidgetInfo};

use crate::engine::Loaded;
use crate::state::{Action, Edit, Preferences, SampleSettings, State, ThemeChoice};
use crate::views::randomness::{randomness_ui, seed_ui};
use crate::views::sampler::sampler_ui;
use crate::views::slider::number_ui;
use crate::views::theme::note;

/// What the sheet shows.
pub struct Settings<'a> {
    prefs: &'a Preferences,
    loaded: Option<&'a Loaded>,
    /// The side whose settings are shown, if there are two.
    side: Option<usize>,
}

impl Settings<'_> {
    /// What is shown of the state.
    pub fn of(state: &State) -> Settings<'_> {
        let loaded = state.models.loaded.as_deref();
        let side = (state.panes.len() == 2).then_some(state.active);
        Settings { prefs: &state.prefs, loaded, side }
    }
}

/// All settings.
pub fn settings_ui(ui: &mut Ui, sheet: &Settings<'_>, actions: &mut Vec<Action>) {
    let Settings { prefs, loaded, side } = *sheet;
    if let Some(side) = side {
        let mut chosen = side;
        ui.horizontal(|ui| {
            ui.selectable_value(&mut chosen, 0, "Left side");
            ui.selectable_value(&mut chosen, 1, "Right side");
        });
        if chosen != side {
            actions.push(Action::Activate(chosen));
        }
        ui.add_space(4.0);
    }
    let side = side.unwrap_or(0);
    let mut settings = prefs.panes[side].clone();
    sampling_ui(ui, &mut settings, loaded);
    if settings != prefs.panes[side] {
        actions.push(Action::Edit(Edit::Sampling(side, settings)));
    }
    heading(ui, "Window");
    window_ui(ui, prefs, actions);
    ui.add_space(8.0);
    note(ui, "Changes apply to the next run.");
}

fn sampling_ui(ui: &mut Ui, settings: &mut SampleSettings, loaded: Option<&Loaded>) {
    heading(ui, "Seed");
    seed_ui(ui, settings);
    heading(ui, "Length and blocks");
    length_ui(ui, settings);
    if loaded.is_none_or(|model| model.block_size.is_some()) {
        block_ui(ui, settings, loaded.and_then(|model| model.block_size));
    }
    heading(ui, "Sampler");
    if loaded.is_none_or(|model| model.has_samplers) {
        sampler_ui(ui, settings);
    } else {
        note(ui, "This model has a sampler of its own.");
    }
    heading(ui, "Randomness");
    randomness_ui(ui, settings);
}

fn heading(ui: &mut Ui, words: &str) {
    ui.add_space(8.0);
    ui.label(RichText::new(words).strong());
    ui.separator();
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

pub fn window_ui(ui: &mut Ui, prefs: &Preferences, actions: &mut Vec<Action>) {
    let Preferences { mut theme, mut reduce_motion, .. } = *prefs;
    ui.horizontal(|ui| {
        ui.label("Theme");
        for choice in [ThemeChoice::System, ThemeChoice::Light, ThemeChoice::Dark] {
            let name = choice.name().trim_end_matches(" theme");
            ui.selectable_value(&mut theme, choice, name);
        }
    });
    let mut is_still = prefs.is_still();
    let response =
        ui.add_enabled(!prefs.is_drawn_slowly, egui::Checkbox::new(&mut is_still, "Reduce motion"));
    if response.changed() {
        reduce_motion = is_still;
    }
    if prefs.is_drawn_slowly {
        note(ui, "Nothing moves: the window is drawn without a GPU.");
    }
    let edits = [
        (theme != prefs.theme).then_some(Edit::Theme(theme)),
        (reduce_motion != prefs.reduce_motion).then_some(Edit::ReduceMotion(reduce_motion)),
    ];
    actions.extend(edits.into_iter().flatten().map(Action::Edit));
}
