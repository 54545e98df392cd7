//! What is filled in before a run of training.

use egui::{RichText, Ui};

use crate::state::{Action, Dialog, State, TrainAction, TrainForm};
use crate::views::theme::note;
use crate::views::training::fields::{PathField, number_field, path_field, text_field};

/// What the form shows.
pub struct FormSheet<'a> {
    form: &'a TrainForm,
    /// The loaded model's name.
    model: Option<&'a str>,
    /// A run is going on.
    is_live: bool,
    /// A dialog of the system is open.
    asks: bool,
}

impl FormSheet<'_> {
    /// What is shown of the state.
    pub fn of(state: &State) -> FormSheet<'_> {
        let model = state.models.loaded.as_ref().map(|model| model.name.as_str());
        let (is_live, asks) = (state.training.is_live(), state.files.asks);
        FormSheet { form: &state.prefs.train, model, is_live, asks }
    }
}

/// The form; it cannot be changed while a run goes on.
pub fn train_form_ui(ui: &mut Ui, sheet: &FormSheet<'_>, actions: &mut Vec<Action>) {
    let mut form = sheet.form.clone();
    // What a run was begun with is still to be read.
    ui.visuals_mut().disabled_alpha = 0.8;
    ui.add_enabled_ui(!sheet.is_live, |ui| {
        heading(ui, "Texts");
        let asked = texts_ui(ui, &mut form, sheet.asks);
        actions.extend(asked.map(Action::Ask));
        heading(ui, "Network");
        network_ui(ui, &mut form, sheet.model);
        heading(ui, "Run");
        run_ui(ui, &mut form);
        heading(ui, "Result");
        let field = PathField {
            name: "Folder",
            example: "my-model",
            sentence: "The model is saved here, and what a stopped run is resumed from.",
            choose: "Choose the folder",
            dialog: (!sheet.asks).then_some(Dialog::TrainFolder),
        };
        actions.extend(path_field(ui, &field, &mut form.out).map(Action::Ask));
    });
    if form != *sheet.form {
        actions.push(Action::Train(TrainAction::Edit(Box::new(form))));
    }
}

fn heading(ui: &mut Ui, words: &str) {
    ui.add_space(6.0);
    ui.label(RichText::new(words).strong());
    ui.separator();
}

fn texts_ui(ui: &mut Ui, form: &mut TrainForm, asks: bool) -> Option<Dialog> {
    let train = PathField {
        name: "Train on",
        example: "stories.txt",
        sentence: "Plain text, JSON lines or parquet; a folder of them too.",
        choose: "Choose the texts to train on",
        dialog: (!asks).then_some(Dialog::TrainTexts),
    };
    let valid = PathField {
        name: "Validate on",
        example: "none",
        sentence: "Held out: they measure how well it writes.",
        choose: "Choose the texts to validate on",
        dialog: (!asks).then_some(Dialog::ValidTexts),
    };
    let asked = path_field(ui, &train, &mut form.data);
    path_field(ui, &valid, &mut form.valid).or(asked)
}

fn network_ui(ui: &mut Ui, form: &mut TrainForm, model: Option<&str>) {
    let loaded = model.map_or("the loaded model".into(), |name| {
        let last = name.trim_end_matches('/').rsplit('/').next().unwrap_or(name);
        format!("go on with {last}")
    });
    ui.horizontal_wrapped(|ui| {
        ui.selectable_value(&mut form.from_model, false, "new, random");
        ui.add_enabled_ui(model.is_some() || form.from_model, |ui| {
            ui.selectable_value(&mut form.from_model, true, loaded);
        });
    });
    if form.from_model {
        note(ui, "Its layers, vocabulary, window and blocks stay.");
        return;
    }
    let hint = "More layers learn more, and take longer";
    number_field(ui, "Layers", &mut form.layers, (1..=48, 0.1), hint);
    let hint = "Width of the network; the heads share it evenly";
    number_field(ui, "Channels", &mut form.channels, (16..=2048, 4.0), hint);
    number_field(ui, "Heads", &mut form.heads, (1..=32, 0.1), "Heads of attention");
    let hint = "Tokens of the vocabulary that is learnt from the texts";
    number_field(ui, "Vocabulary", &mut form.vocabulary, (257..=65536, 16.0), hint);
    let hint = "Tokens that it sees at once; block sizes divide it";
    number_field(ui, "Window", &mut form.window, (8..=4096, 4.0), hint);
    let hint = "Tokens of a block: one size, or sizes with weights, such as 1:.1,4:.3,8:.6";
    text_field(ui, "Block sizes", &mut form.block_sizes, hint);
}

fn run_ui(ui: &mut Ui, form: &mut TrainForm) {
    let hint = "Steps of the run; 0 for as many as the minutes allow";
    number_field(ui, "Steps", &mut form.steps, (0..=100_000_000, 5.0), hint);
    let hint = "Minutes of training; 0 for no limit";
    number_field(ui, "Minutes", &mut form.minutes, (0.0..=100_000.0, 0.2), hint);
    let hint = "Sequences of a step: more are steadier, and take longer";
    number_field(ui, "Batch", &mut form.batch, (1..=4096, 0.2), hint);
    let hint = "How far a step goes, at most; it rises first, and falls in the second half";
    number_field(ui, "Learning rate", &mut form.rate, (1e-6..=0.1, 1e-5), hint);
    number_field(
        ui,
        "Seed",
        &mut form.seed,
        (0..=u64::MAX, 0.2),
        "The same seed gives the same run",
    );
    let hint = "Steps from one validation, sample and save to the next";
    number_field(ui, "Check every", &mut form.check_every, (1..=1_000_000, 1.0), hint);
    text_field(ui, "Sample begins", &mut form.prompt, "The same beginning after each validation");
}
