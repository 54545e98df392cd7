//! The message that is being typed.

use egui::{
    Button, Key, KeyboardShortcut, Modifiers, RichText, Role, ScrollArea, TextEdit, Ui, WidgetInfo,
    vec2,
};

use crate::state::{Action, ChatAction, ChatEdit, State};
use crate::views::theme::primary;

/// Height of the box, at most, in points.
const MAX_HEIGHT: f32 = 150.0;
/// Width of the button.
const BUTTON: f32 = 92.0;

/// The box, and the button that sends what is in it, or stops the answer.
pub fn message_ui(ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
    let chat = &state.conversation;
    let loaded = state.models.loaded.as_deref().filter(|_| state.models.busy.is_none());
    let can_say = chat.can_say(loaded);
    let mut message = chat.message.clone();
    ui.horizontal(|ui| {
        let width = ui.available_width() - BUTTON - 8.0;
        let area = ScrollArea::vertical()
            .id_salt("message")
            .max_height(MAX_HEIGHT)
            .min_scrolled_height(32.0);
        let response = area.max_width(width).show(ui, |ui| {
            let edit = TextEdit::multiline(&mut message)
                .hint_text("Message: Enter sends it, Shift+Enter begins a new line")
                .margin(vec2(10.0, 6.0))
                .desired_rows(1)
                .desired_width(width)
                .return_key(KeyboardShortcut::new(Modifiers::SHIFT, Key::Enter));
            ui.add(edit)
        });
        let response = response.inner;
        response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Message"));
        if response.changed() {
            actions.push(Action::Chat(ChatAction::Edit(ChatEdit::Message(message))));
        }
        let enters = |i: &egui::InputState| i.key_pressed(Key::Enter) && i.modifiers.is_none();
        let size = vec2(BUTTON, 30.0);
        if chat.is_live() {
            let stop = Button::new(RichText::new("⏹ Stop").strong()).corner_radius(6);
            let response = ui.add(stop.min_size(size));
            let response = response.on_hover_text("End the answer; what is finished stays (Esc)");
            if response.clicked() || ui.input(|i| i.key_pressed(Key::Escape)) {
                actions.push(Action::Chat(ChatAction::Stop));
            }
        } else {
            // On the accent only where it can be pressed: its words could not be read there.
            let button = if can_say { primary(ui, "Send") } else { Button::new("Send") };
            let send = ui.add_enabled(can_say, button.corner_radius(6).min_size(size));
            let why =
                if loaded.is_none() { "The model is not ready yet" } else { "Type a message" };
            let clicked = send.on_disabled_hover_text(why).clicked();
            if clicked || response.has_focus() && ui.input(enters) {
                actions.push(Action::Chat(ChatAction::Say));
                response.request_focus();
            }
        }
    });
}
