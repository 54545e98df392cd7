//! The sheet beside a conversation: system prompt, template, how answers are made, files.

use std::path::PathBuf;

use bdlm::sample::SamplerKind;
use egui::{Button, ComboBox, DragValue, RichText, Role, TextEdit, Ui, WidgetInfo};

use crate::engine::{ChatModel, Loaded};
use crate::state::{
    Action, ChatAction, ChatEdit, ChatFormat, ChatSettings, ChatSpeed, Conversation, MAX_TALKS,
    State,
};
use crate::views::conversation::template::template_ui;
use crate::views::slider::number_ui;
use crate::views::theme::note;

/// What the sheet shows.
pub struct ChatSheet<'a> {
    conversation: &'a Conversation,
    settings: &'a ChatSettings,
    loaded: Option<&'a Loaded>,
    /// Whether conversations are kept on disk.
    is_stored: bool,
}

impl ChatSheet<'_> {
    /// What is shown of the state.
    pub fn of(state: &State) -> ChatSheet<'_> {
        let loaded = state.models.loaded.as_deref();
        let is_stored = state.history.is_stored;
        ChatSheet {
            conversation: &state.conversation,
            settings: &state.prefs.chat,
            loaded,
            is_stored,
        }
    }
}

/// The sheet.
pub fn chat_sheet_ui(ui: &mut Ui, sheet: &ChatSheet<'_>, actions: &mut Vec<Action>) {
    let own = ChatModel::default();
    let model = sheet.loaded.and_then(|loaded| loaded.chat.as_ref()).unwrap_or(&own);
    heading(ui, "System prompt");
    system_ui(ui, sheet.settings, actions);
    heading(ui, "Template");
    template_ui(ui, (model, sheet.conversation.template.as_deref()), actions);
    let template = sheet.conversation.template.as_deref().unwrap_or(&model.template);
    heading(ui, "Thinking");
    thinking_ui(ui, sheet.settings, template, actions);
    heading(ui, "Save this conversation");
    files_ui(ui, sheet.conversation, actions);
    earlier_ui(ui, sheet, actions);
    heading(ui, "Answers");
    answers_ui(ui, sheet, model, actions);
}

fn heading(ui: &mut Ui, words: &str) {
    ui.add_space(8.0);
    ui.label(RichText::new(words).strong());
    ui.separator();
}

fn edit(actions: &mut Vec<Action>, edit: ChatEdit) {
    actions.push(Action::Chat(ChatAction::Edit(edit)));
}

fn system_ui(ui: &mut Ui, settings: &ChatSettings, actions: &mut Vec<Action>) {
    let mut system = settings.system.clone();
    let edited = TextEdit::multiline(&mut system)
        .hint_text("As the template has it")
        .desired_rows(3)
        .desired_width(f32::INFINITY);
    let response = ui.add(edited);
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "System prompt"));
    if response.changed() {
        edit(actions, ChatEdit::System(system));
    }
    note(ui, "Said before the first turn; a change applies from the next answer on.");
}

fn thinking_ui(ui: &mut Ui, settings: &ChatSettings, template: &str, actions: &mut Vec<Action>) {
    if template.contains("enable_thinking") {
        let mut thinking = settings.thinking;
        ui.horizontal(|ui| {
            ui.selectable_value(&mut thinking, None, "as the template");
            ui.selectable_value(&mut thinking, Some(true), "on");
            ui.selectable_value(&mut thinking, Some(false), "off");
        });
        if thinking != settings.thinking {
            edit(actions, ChatEdit::Thinking(thinking));
        }
    } else {
        note(ui, "This template has no switch for thoughts.");
    }
    let mut shows = settings.show_thoughts;
    if ui.checkbox(&mut shows, "Show thoughts unfolded").changed() {
        edit(actions, ChatEdit::ShowThoughts(shows));
    }
}

fn answers_ui(ui: &mut Ui, sheet: &ChatSheet<'_>, model: &ChatModel, actions: &mut Vec<Action>) {
    let ChatSheet { settings, loaded, .. } = *sheet;
    let mut tokens = settings.tokens;
    let most = loaded.map_or(2048, |loaded| loaded.window.clamp(16, 2048));
    let default = ChatSettings::default();
    let sentence = "It ends here, or where the model ends it.";
    number_ui(ui, ("Longest answer", "tokens"), &mut tokens, (8..=most, default.tokens), sentence);
    if tokens != settings.tokens {
        edit(actions, ChatEdit::Tokens(tokens));
    }
    if loaded.is_some_and(|loaded| loaded.has_samplers && loaded.block_size.is_some()) {
        sampler_ui(ui, settings.sampler, model.sampler, actions);
    }
    let mut temperature = settings.temperature.unwrap_or(model.temperature);
    let range = (0.0..=2.0, model.temperature);
    let sentence = "Below 1 likely tokens become likelier; 0 always takes the likeliest.";
    number_ui(ui, ("Temperature", ""), &mut temperature, range, sentence);
    if temperature != settings.temperature.unwrap_or(model.temperature) {
        let own = temperature == model.temperature;
        edit(actions, ChatEdit::Temperature((!own).then_some(temperature)));
    }
    let (mut seed, mut speed) = (settings.seed, settings.speed);
    ui.horizontal(|ui| {
        let label = ui.label("Seed").id;
        ui.add(DragValue::new(&mut seed)).labelled_by(label);
        if ui.button("Next seed").on_hover_text("Another answer to the same turns").clicked() {
            seed = seed.wrapping_add(1);
        }
    });
    ui.horizontal(|ui| {
        ui.label("Speed");
        ui.selectable_value(&mut speed, ChatSpeed::Full, "full");
        let watch = ui.selectable_value(&mut speed, ChatSpeed::Watch, "8 steps/s");
        watch.on_hover_text("Slow enough to watch blocks being denoised");
    });
    if seed != settings.seed {
        edit(actions, ChatEdit::Seed(seed));
    }
    if speed != settings.speed {
        edit(actions, ChatEdit::Speed(speed));
    }
}

fn sampler_ui(
    ui: &mut Ui,
    chosen: Option<SamplerKind>,
    own: SamplerKind,
    actions: &mut Vec<Action>,
) {
    let mut sampler = chosen;
    let of_model = format!("the model's: {}", own.name());
    let shown = sampler.map_or(of_model.clone(), |kind| kind.name().into());
    ui.label("Sampler");
    let response = ComboBox::from_id_salt("chat sampler")
        .width(ui.available_width() - 8.0)
        .selected_text(shown)
        .show_ui(ui, |ui| {
            ui.selectable_value(&mut sampler, None, of_model);
            let is_offered = |kind: &SamplerKind| !kind.is_of_one_objective();
            for kind in SamplerKind::ALL.into_iter().filter(is_offered) {
                let response = ui.selectable_value(&mut sampler, Some(kind), kind.name());
                response.on_hover_text(kind.description());
            }
        });
    response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Sampler"));
    note(ui, sampler.unwrap_or(own).description());
    if sampler != chosen {
        edit(actions, ChatEdit::Sampler(sampler));
    }
}

fn files_ui(ui: &mut Ui, chat: &Conversation, actions: &mut Vec<Action>) {
    let mut path = chat.path.clone();
    let response = ui.add(TextEdit::singleline(&mut path).desired_width(f32::INFINITY));
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Path of the conversation"));
    if response.changed() {
        edit(actions, ChatEdit::Path(path.clone()));
    }
    let can_write = !chat.turns.is_empty() && !chat.is_live() && !path.trim().is_empty();
    ui.horizontal(|ui| {
        for format in ChatFormat::ALL {
            let path = PathBuf::from(format!("{}.{}", path.trim(), format.ending()));
            let response = ui.add_enabled(can_write, Button::new(format.name()));
            if response.on_hover_text(format!("Write {}", path.display())).clicked() {
                actions.push(Action::Chat(ChatAction::Export(format, path)));
            }
        }
    });
    match chat.outcome.is_empty() {
        true => note(ui, "The ending is added; no file is overwritten."),
        false => note(ui, &chat.outcome),
    }
}

/// Width of the button that deletes one, in points.
const CROSS: f32 = 32.0;

/// Conversations that were put aside.
fn earlier_ui(ui: &mut Ui, sheet: &ChatSheet<'_>, actions: &mut Vec<Action>) {
    let chat = sheet.conversation;
    if chat.earlier.is_empty() && chat.deleted.is_none() {
        return;
    }
    heading(ui, "Earlier conversations");
    for (at, talk) in chat.earlier.iter().enumerate().rev() {
        ui.horizontal(|ui| {
            let title = talk.title();
            let height = ui.spacing().interact_size.y;
            let size = [ui.available_width() - CROSS - ui.spacing().item_spacing.x, height];
            let open = Button::new(&title).truncate();
            if ui.add_sized(size, open).on_hover_text("Open it again").clicked() {
                actions.push(Action::Chat(ChatAction::Reopen(at)));
            }
            let delete = ui.add_sized([CROSS, height], Button::new(RichText::new("✖").small()));
            let name = format!("Delete {title}");
            delete.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
            if delete.on_hover_text("Delete it").clicked() {
                actions.push(Action::Chat(ChatAction::Delete(at)));
            }
        });
    }
    if let Some(talk) = &chat.deleted {
        note(ui, &format!("Deleted: {}", talk.title()));
        if ui.button("Bring it back").clicked() {
            actions.push(Action::Chat(ChatAction::Undelete));
        }
    }
    match sheet.is_stored {
        true => {
            let most = format!(
                "The newest {MAX_TALKS} are kept on disk, without the steps of their answers."
            );
            note(ui, &most);
        }
        false => note(ui, "They stay until the window closes."),
    }
}
