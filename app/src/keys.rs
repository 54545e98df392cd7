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
    if ui.ctx().text_edit_focused() {
        return;
    }
    let pressed = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
    // Space and arrows are of the widget that has the focus, if one has it.
    let is_focused = ui.memory(|memory| memory.focused().is_some());
    if !is_focused {
        for (key, action) in [
            (Key::Space, Action::TogglePlay),
            (Key::ArrowRight, Action::StepOn),
            (Key::ArrowLeft, Action::StepBack),
        ] {
            if pressed(key) {
                actions.push(action);
            }
        }
        for (key, by) in [(Key::ArrowUp, 1), (Key::ArrowDown, -1)] {
            if pressed(key) {
                app.prefs.speed = app.prefs.speed.changed(by);
            }
        }
    }
    for (key, action) in [(Key::Home, Action::First), (Key::End, Action::Last)] {
        if pressed(key) {
            actions.push(action);
        }
    }
    if pressed(Key::Escape) {
        if app.banner.is_some() {
            actions.push(Action::Dismiss);
        } else if app.sheet != Sheet::Inspector {
            actions.push(Action::Sheet(app.sheet));
        } else if app.pane().selected.is_some() {
            actions.push(Action::Select(app.active, app.pane().selected));
        } else if let Some(id) = ui.memory(egui::Memory::focused) {
            ui.memory_mut(|memory| memory.surrender_focus(id));
        }
    }
}
