//! The sheet with the model: which one, on which adapter, and how much memory it needs.

use bdlm::hub::KeptModel;
use egui::{Button, ComboBox, ProgressBar, RichText, Role, TextEdit, Ui, WidgetInfo};

use crate::engine::{Found, Loaded, Source};
use crate::state::{Action, Dialog, Edit, Models};
use crate::system::IS_PAGE;
use crate::views::theme::{note, primary};

/// Checkpoints of the paper.
const PUBLISHED: [&str; 3] = [
    "kuleshov-group/bd3lm-owt-block_size4",
    "kuleshov-group/bd3lm-owt-block_size8",
    "kuleshov-group/bd3lm-owt-block_size16",
];

/// The model that is loaded, and another one to load.
pub fn model_ui(ui: &mut Ui, models: &Models, recent: &[String], actions: &mut Vec<Action>) {
    ui.label(RichText::new("Model").strong());
    ui.separator();
    if let Some(loaded) = &models.loaded {
        loaded_ui(ui, loaded);
    }
    ui.add_space(10.0);
    ui.label(RichText::new("Choose another").strong());
    ui.separator();
    name_ui(ui, &models.source, recent, actions);
    // A browser has one adapter.
    if !IS_PAGE {
        adapter_ui(ui, &models.source, models.adapters.as_deref(), actions);
    }
    ui.add_space(6.0);
    choice_ui(ui, models, actions);
}

/// What the loaded model was trained for.
pub fn about_ui(ui: &mut Ui, models: &Models) {
    if let Some(loaded) = &models.loaded {
        ui.add_space(12.0);
        ui.label(RichText::new("About the model").strong());
        ui.separator();
        note(ui, &loaded.about);
    }
}

/// Loading, or what can be loaded.
fn choice_ui(ui: &mut Ui, models: &Models, actions: &mut Vec<Action>) {
    if let Some(busy) = &models.busy {
        ui.add(ProgressBar::new(busy.part.unwrap_or(0.0)).text(busy.what.clone()));
        let hint = "What was downloaded is kept for the next try";
        if ui.button("Cancel").on_hover_text(hint).clicked() {
            actions.push(Action::CancelLoad);
        }
        return;
    }
    if let Some(found) = &models.found {
        plan_ui(ui, found);
    }
    ui.horizontal(|ui| {
        let is_named = !models.source.name.trim().is_empty();
        if ui.add_enabled(is_named, primary(ui, "Load")).clicked() {
            actions.push(Action::LoadModel);
        }
        let hint = "Find its files, download them if they are not here, and show the memory it \
                    needs";
        let response = ui.add_enabled(is_named, Button::new("Memory plan"));
        if response.on_hover_text(hint).clicked() {
            actions.push(Action::FindModel);
        }
    });
}

/// Models that the browser keeps: each can be deleted.
pub fn kept_models_ui(ui: &mut Ui, kept: &[KeptModel], actions: &mut Vec<Action>) {
    if kept.is_empty() {
        return;
    }
    ui.add_space(12.0);
    ui.label(RichText::new("Kept in this browser").strong());
    ui.separator();
    for model in kept {
        let short = model.id.rsplit('/').next().unwrap_or(&model.id);
        let size = format!("{:.0} MB", (model.size_bytes as f64 / 1e6).max(1.0));
        ui.horizontal(|ui| {
            ui.add(egui::Label::new(short).truncate()).on_hover_text(&model.id);
            note(ui, &size);
            let response = ui.small_button("Delete");
            let label = format!("Delete {}", model.id);
            response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
            if response.clicked() {
                actions.push(Action::ForgetModel(model.id.clone()));
            }
        });
    }
}

fn loaded_ui(ui: &mut Ui, loaded: &Loaded) {
    ui.label(RichText::new(&loaded.name).strong());
    note(ui, &loaded.shape);
    let block = loaded.block_size.map(|size| format!("blocks of {size}, "));
    let (block, window) = (block.unwrap_or_default(), loaded.window);
    note(ui, &format!("{block}a window of {window} tokens"));
    let place = if loaded.is_software { "no GPU: on the CPU with" } else { "on" };
    note(ui, &format!("{place} {}, weights in {}", loaded.adapter, loaded.weights));
    if let Some(mistrusted) = &loaded.mistrusted {
        ui.add_space(4.0);
        ui.label(RichText::new(mistrusted).small().color(ui.visuals().warn_fg_color));
    }
}

fn name_ui(ui: &mut Ui, source: &Source, recent: &[String], actions: &mut Vec<Action>) {
    let mut typed = source.name.clone();
    let edit = TextEdit::singleline(&mut typed)
        .hint_text(if IS_PAGE { "tales, or a hub id" } else { "tales, a folder, or a hub id" })
        .desired_width(f32::INFINITY);
    let response = ui.add(edit);
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Model name"));
    let entered = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
    let mut chosen = response.changed().then_some(typed);
    let choose = if IS_PAGE { "Choose its files …" } else { "Choose a folder …" };
    if ui.button(choose).clicked() {
        actions.push(Action::Ask(Dialog::ModelFolder));
    }
    let known: Vec<&str> = std::iter::once(bdlm::hub::DEFAULT_MODEL).chain(PUBLISHED).collect();
    let recent = recent.iter().map(String::as_str).filter(|name| !known.contains(name));
    for name in recent.chain(known.iter().copied()) {
        let short = name.trim_end_matches('/').rsplit('/').next().unwrap_or(name);
        if ui.add(Button::selectable(source.name == name, short)).on_hover_text(name).clicked() {
            chosen = Some(name.into());
        }
    }
    actions.extend(chosen.map(|name| Action::Edit(Edit::ModelName(name))));
    if entered && !source.name.trim().is_empty() {
        actions.push(Action::LoadModel);
    }
    note(
        ui,
        match IS_PAGE {
            true => {
                "Its files are config.json, model.safetensors and tokenizer.json, chosen or dropped \
                 together; hub models are downloaded once."
            }
            false => {
                "A folder holds config.json and model.safetensors; hub models are downloaded once."
            }
        },
    );
}

fn adapter_ui(
    ui: &mut Ui,
    source: &Source,
    adapters: Option<&[String]>,
    actions: &mut Vec<Action>,
) {
    let mut adapter = source.adapter.clone();
    let shown = adapter.clone().unwrap_or_else(|| "the best one".into());
    ui.horizontal(|ui| {
        ui.label("Adapter");
        let response =
            ComboBox::from_id_salt("adapter").width(180.0).truncate().selected_text(shown);
        let response = response.show_ui(ui, |ui| {
            ui.selectable_value(&mut adapter, None, "the best one");
            for name in adapters.into_iter().flatten() {
                ui.selectable_value(&mut adapter, Some(name.clone()), name);
            }
        });
        response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Adapter"));
    });
    if adapter != source.adapter {
        actions.push(Action::Edit(Edit::Adapter(adapter)));
    }
    if adapters.is_some_and(<[String]>::is_empty) {
        note(ui, "There is no adapter: install a Vulkan, Metal or DX12 driver.");
    }
}

fn plan_ui(ui: &mut Ui, found: &Found) {
    ui.label(RichText::new(&found.name).strong());
    note(ui, &format!("{}, weights in {}", found.shape, found.weights));
    let mb = |bytes: u64| format!("{:.0} MB", (bytes as f64 / 1e6).max(1.0));
    let memory = &found.memory;
    egui::Grid::new("memory").num_columns(2).spacing(egui::vec2(16.0, 3.0)).show(ui, |ui| {
        for (name, bytes) in [
            ("weights", memory.weights_bytes),
            ("keys and values", memory.cache_bytes),
            ("activations", memory.activations_bytes),
            ("in all", memory.total_bytes()),
        ] {
            ui.label(name);
            ui.label(mb(bytes));
            ui.end_row();
        }
    });
    ui.add_space(4.0);
}
