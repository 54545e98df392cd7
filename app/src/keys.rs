//! Keys that work wherever no text is typed.

use egui::{Key, Modifiers, Ui};

use crate::action::{Action, Sheet};
use crate::app::App;

/// Turns keys into wishes.
pub fn shortcuts(app: &mut App, ui: &Ui, actions: &mut Vec<Action>) {
    let ctrl_enter = ui.input_mut(|i| i.consume_key(Modifiers::COMMAND, Key::Enter));
    if ctrl_enter && app.can_generate() {
        actions.push(Action::Generate);
    }
    if ui.ctx().egui_wants_keyboard_input() {
        return;
    }
    let pressed = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
    // Space and arrows also move between widgets; where one has the focus they are its own.
    let is_focused = ui.memory(|memory| memory.focused().is_some());
    if !is_focused && pressed(Key::Space) {
        actions.push(Action::TogglePlay);
    }
    for (key, action) in [
        (Key::ArrowRight, Action::StepOn),
        (Key::ArrowLeft, Action::StepBack),
        (Key::Home, Action::First),
        (Key::End, Action::Last),
    ] {
        if pressed(key) {
            actions.push(action);
        }
    }
    if pressed(Key::ArrowUp) {
        app.prefs.speed = app.prefs.speed.changed(1);
    }
    if pressed(Key::ArrowDown) {
        app.prefs.speed = app.prefs.speed.changed(-1);
    }
    if pressed(Key::Escape) {
        if app.banner.is_some() {
            actions.push(Action::Dismiss);
        } else if app.sheet != Sheet::Inspector {
            actions.push(Action::Sheet(app.sheet));
        } else if app.pane().selected.is_some() {
            actions.push(Action::Select(app.active, app.pane().selected));
        }
    }
}
