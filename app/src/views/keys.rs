//! Keys that work wherever no text is typed.

use egui::{Key, Modifiers, Ui};

use crate::recording::CellAt;
use crate::state::{Action, Edit, Sheet, Speed, State};

/// What decides which keys do what.
pub struct Keys {
    can_generate: bool,
    active: usize,
    speed: Speed,
    /// What Escape does; if there is nothing, the focus is given up.
    escape: Option<Action>,
}

impl Keys {
    /// What the state makes of the keys.
    pub fn of(state: &State) -> Keys {
        let selected: Option<CellAt> = state.pane().selected;
        let escape = match () {
            () if state.banner.is_some() => Some(Action::Dismiss),
            () if state.tour.is_some() => Some(Action::Tour(None)),
            () if state.sheet != Sheet::Inspector => Some(Action::Sheet(state.sheet)),
            () if selected.is_some() => Some(Action::Select(state.active, selected)),
            () => None,
        };
        Keys {
            can_generate: state.can_generate(),
            active: state.active,
            speed: state.prefs.speed,
            escape,
        }
    }
}

/// Turns keys into actions.
pub fn keys(ui: &Ui, keys: &Keys, actions: &mut Vec<Action>) {
    if ui.input_mut(|i| i.consume_key(Modifiers::COMMAND, Key::Z)) && !ui.ctx().text_edit_focused()
    {
        actions.push(Action::Undo(keys.active));
    }
    if ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::F1)) {
        actions.push(Action::Sheet(Sheet::Help));
    }
    let ctrl_enter = ui.input_mut(|i| i.consume_key(Modifiers::COMMAND, Key::Enter));
    if ctrl_enter && keys.can_generate {
        actions.push(Action::Generate);
    }
    if ui.ctx().text_edit_focused() {
        return;
    }
    let is_asked = |event: &egui::Event| matches!(event, egui::Event::Text(text) if text == "?");
    if ui.input(|i| i.events.iter().any(is_asked)) {
        actions.push(Action::Sheet(Sheet::Help));
    }
    if ui.input(|i| i.events.iter().any(|event| matches!(event, egui::Event::Copy))) {
        actions.push(Action::CopyText);
    }
    let pressed = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
    // Space and arrows belong to the widget that has the focus, if there is one.
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
                actions.push(Action::Edit(Edit::Speed(keys.speed.changed(by))));
            }
        }
    }
    for (key, action) in [(Key::Home, Action::First), (Key::End, Action::Last)] {
        if pressed(key) {
            actions.push(action);
        }
    }
    if pressed(Key::Escape) {
        if let Some(action) = &keys.escape {
            actions.push(action.clone());
        } else if let Some(id) = ui.memory(egui::Memory::focused) {
            ui.memory_mut(|memory| memory.surrender_focus(id));
        }
    }
}
