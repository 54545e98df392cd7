//! The template that makes a prompt of the turns.

use egui::{Button, CollapsingHeader, FontId, Role, TextEdit, Ui, WidgetInfo};

use crate::engine::ChatModel;
use crate::state::{Action, ChatAction, ChatEdit, template_name};
use crate::views::theme::note;

/// The template's name, and its text to read and to change.
pub fn template_ui(
    ui: &mut Ui,
    (own, edited): (&ChatModel, Option<&str>),
    actions: &mut Vec<Action>,
) {
    let name = template_name(edited.unwrap_or(&own.template));
    let whose = if edited.is_some() { "edited" } else { "the model's own" };
    ui.label(format!("{name}, {whose}"));
    if let Some(fault) = own.fault.as_ref().filter(|_| edited.is_none()) {
        note(ui, &format!("The model's template cannot be used: {fault}. Write another below."));
    }
    CollapsingHeader::new("Show and edit the template").id_salt("template").show(ui, |ui| {
        let mut text = edited.unwrap_or(&own.template).to_string();
        egui::ScrollArea::both().id_salt("template text").max_height(260.0).show(ui, |ui| {
            let edit = TextEdit::multiline(&mut text)
                .font(FontId::monospace(11.5))
                .desired_rows(8)
                .desired_width(f32::INFINITY);
            let response = ui.add(edit);
            response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Template text"));
            if response.changed() {
                let template = Some(text).filter(|text| *text != own.template);
                actions.push(Action::Chat(ChatAction::Edit(ChatEdit::Template(template))));
            }
        });
        note(
            ui,
            "Jinja, as in chat_template.jinja: it makes a prompt of all turns before each answer.",
        );
        let reset = Button::new("Use the model's own");
        if ui.add_enabled(edited.is_some(), reset).clicked() {
            actions.push(Action::Chat(ChatAction::Edit(ChatEdit::Template(None))));
        }
    });
}
