//! The bar above a conversation: which model talks, and what else there is.

use egui::{Align, Button, Label, Layout, RichText, Role, Ui, WidgetInfo};

use crate::state::{
    Action, ChatAction, Edit, Sheet, State, ThemeChoice, TrainAction, View, template_name,
};
use crate::views::theme::palette;

/// What the bar shows.
pub struct ChatBar {
    /// The model's name, or what stands for it.
    model: String,
    /// The family of its template.
    template: Option<&'static str>,
    sheet: Sheet,
    theme: ThemeChoice,
    /// There are turns that can be put aside.
    has_turns: bool,
}

impl ChatBar {
    /// What is shown of the state.
    pub fn of(state: &State) -> ChatBar {
        let State { models, conversation, prefs, sheet, .. } = state;
        let model = match (&models.busy, &models.loaded) {
            (Some(busy), _) => format!("{} …", busy.what),
            (None, Some(loaded)) => last_part(&loaded.name),
            (None, None) => "No model".into(),
        };
        let own = models.loaded.as_ref().and_then(|model| model.chat.as_ref());
        let template = match &conversation.template {
            Some(_) => Some("edited"),
            None => own.map(|chat| template_name(&chat.template)),
        };
        let has_turns = !conversation.turns.is_empty();
        ChatBar { model, template, sheet: *sheet, theme: prefs.theme, has_turns }
    }
}

/// The last part of a folder or a hub id.
pub fn last_part(name: &str) -> String {
    name.trim_end_matches('/').rsplit('/').next().unwrap_or(name).to_string()
}

/// The bar. The keyboard goes from left to right.
pub fn chat_bar_ui(ui: &mut Ui, bar: &ChatBar, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        let hint = "Write a text from a beginning of your own, without a template";
        if ui.add(Button::new("Text view")).on_hover_text(hint).clicked() {
            actions.push(Action::Chat(ChatAction::View(View::Text)));
        }
        let hint = "Put this conversation aside and begin another; it can be opened again";
        let new = ui.add_enabled(bar.has_turns, Button::new("New conversation"));
        if new.on_hover_text(hint).clicked() {
            actions.push(Action::Chat(ChatAction::New));
        }
        ui.add_space(6.0);
        let room = (ui.available_width() - 200.0).max(60.0);
        let layout = Layout::left_to_right(Align::Center);
        ui.allocate_ui_with_layout(egui::vec2(room, ui.available_height()), layout, |ui| {
            let name = RichText::new(&bar.model).strong().size(15.0);
            ui.add(Label::new(name).truncate());
            if let Some(template) = bar.template {
                let words = RichText::new(format!("template {template}")).color(palette(ui).quiet);
                ui.add(Label::new(words).truncate());
            }
        });
        // Wide enough for all of them: they end at the right edge, in the order of reading.
        ui.add_space((ui.available_width() - 178.0).max(0.0));
        menu_ui(ui, bar, actions);
    });
}

fn menu_ui(ui: &mut Ui, bar: &ChatBar, actions: &mut Vec<Action>) {
    if ui.add(Button::new("Train")).on_hover_text("Train a model of your own").clicked() {
        actions.push(Action::Train(TrainAction::Show));
    }
    let sheets = [("Model", "Model", Sheet::Model), ("⚙", "Settings", Sheet::Settings)];
    for (words, label, sheet) in sheets {
        let selected = bar.sheet == sheet;
        let response = ui.add(Button::selectable(selected, words));
        response.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, label));
        if response.on_hover_text(label).clicked() {
            actions.push(Action::Sheet(sheet));
        }
    }
    let theme = bar.theme;
    let response = ui.add(Button::new("◑").frame(false));
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, theme.name()));
    if response.on_hover_text(theme.name()).clicked() {
        actions.push(Action::Edit(Edit::Theme(theme.next())));
    }
}
