//! The bar with the prompt, and what begins from it.

use egui::{Button, RichText, TextEdit, Ui, vec2};

use crate::state::{Action, ChatAction, Edit, Sheet, State, ThemeChoice, View};
use crate::system::IS_PAGE;
use crate::views::theme::{is_narrow, primary};

/// What the bar shows.
pub struct PromptBar<'a> {
    prompt: &'a str,
    /// The model's name, or what stands for it.
    model: String,
    sheet: Sheet,
    theme: ThemeChoice,
    is_comparing: bool,
    /// The loaded model has a chat template.
    can_chat: bool,
    run: RunButton,
}

/// What the large button does.
#[derive(Clone, Copy)]
enum RunButton {
    Generate { is_ready: bool },
    Stop { can_restart: bool },
}

impl PromptBar<'_> {
    /// What is shown of the state.
    pub fn of(state: &State) -> PromptBar<'_> {
        let model = match (&state.models.busy, &state.models.loaded) {
            (Some(_), _) => "loading …".into(),
            (None, Some(loaded)) => short(&loaded.name),
            (None, None) => "no model".into(),
        };
        let run = match state.is_live() {
            true => RunButton::Stop { can_restart: state.can_restart() },
            false => RunButton::Generate { is_ready: state.can_generate() },
        };
        PromptBar {
            prompt: &state.prefs.prompt,
            model,
            sheet: state.sheet,
            theme: state.prefs.theme,
            is_comparing: state.panes.len() == 2,
            can_chat: state.models.loaded.as_ref().is_some_and(|model| model.chat.is_some()),
            run,
        }
    }
}

/// The bar, in the order in which Tab goes through it.
pub fn prompt_ui(ui: &mut Ui, bar: &PromptBar<'_>, actions: &mut Vec<Action>) {
    if is_narrow(ui.ctx()) {
        text_ui(ui, bar, ui.available_width(), actions);
        ui.horizontal_wrapped(|ui| {
            run_ui(ui, bar.run, actions);
            menu_ui(ui, bar, actions);
        });
        return;
    }
    ui.horizontal(|ui| {
        let id = ui.scope_id();
        let behind = ui.data(|data| data.get_temp::<f32>(id).unwrap_or(420.0));
        let room = (ui.available_width() - behind).max(120.0);
        text_ui(ui, bar, room, actions);
        let before = ui.cursor().left();
        run_ui(ui, bar.run, actions);
        menu_ui(ui, bar, actions);
        // What is behind the text is as wide in the next frame.
        let width = ui.cursor().left() - before;
        ui.data_mut(|data| data.insert_temp(id, width + 1.0));
        if (width + 1.0 - behind).abs() > 0.5 {
            ui.ctx().request_repaint();
        }
    });
}

fn text_ui(ui: &mut Ui, bar: &PromptBar<'_>, width: f32, actions: &mut Vec<Action>) {
    let mut prompt = bar.prompt.to_string();
    let edit = TextEdit::singleline(&mut prompt)
        .hint_text("Begin a text, or leave it empty")
        .margin(vec2(10.0, 6.0))
        .desired_width(width - 20.0);
    let response = ui.add(edit);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Prompt"));
    let entered = ui.input(|i| i.key_pressed(egui::Key::Enter));
    if response.lost_focus() && entered {
        actions.push(match bar.run {
            RunButton::Stop { can_restart: true } => Action::Restart,
            _ => Action::Generate,
        });
    }
    if response.changed() {
        // First of all, so that a run that begins in this frame has it.
        actions.insert(0, Action::Edit(Edit::Prompt(prompt)));
    }
}

fn run_ui(ui: &mut Ui, run: RunButton, actions: &mut Vec<Action>) {
    let size = vec2(98.0, 30.0);
    match run {
        RunButton::Generate { is_ready } => {
            // On the accent only where it can be pressed: its words could not be read there.
            let words = "▶ Generate";
            let button = if is_ready { primary(ui, words) } else { Button::new(words) };
            let response = ui.add_enabled(is_ready, button.corner_radius(6).min_size(size));
            let response = response.on_disabled_hover_text("The model is not ready yet");
            if response.clicked() {
                actions.push(Action::Generate);
            }
        }
        RunButton::Stop { can_restart } => {
            let stop = Button::new(RichText::new("⏹ Stop").strong()).corner_radius(6);
            let response = ui.add(stop.min_size(size));
            if response.on_hover_text("End the run; its text stays").clicked() {
                actions.push(Action::Stop);
            }
            if can_restart {
                let button = primary(ui, "▶ Restart with new prompt").min_size(size);
                let hint = "Put this prompt before the finished blocks, and draw the current one \
                            anew";
                if ui.add(button).on_hover_text(hint).clicked() {
                    actions.push(Action::Restart);
                }
            }
        }
    }
}

fn menu_ui(ui: &mut Ui, bar: &PromptBar<'_>, actions: &mut Vec<Action>) {
    let response = ui.add(Button::selectable(bar.is_comparing, "Compare"));
    if response.on_hover_text("Two runs side by side").clicked() {
        actions.push(Action::Compare(!bar.is_comparing));
    }
    let sheets = [
        (bar.model.as_str(), "Model", Sheet::Model),
        (if IS_PAGE { "↺" } else { "🕘" }, "History of runs", Sheet::History),
        ("🗁", "Files: save, export, open", Sheet::Files),
        ("⚙", "Settings", Sheet::Settings),
        ("?", "Help: tour, keys, marks", Sheet::Help),
    ];
    for (words, label, sheet) in sheets {
        let selected = bar.sheet == sheet;
        let response = ui.add(Button::selectable(selected, words));
        response
            .widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, selected, label));
        if response.on_hover_text(label).clicked() {
            actions.push(Action::Sheet(sheet));
        }
    }
    if bar.can_chat {
        let response = ui.add(Button::new("Conversation"));
        if response.on_hover_text("Talk with this model, by its chat template").clicked() {
            actions.push(Action::Chat(ChatAction::View(View::Conversation)));
        }
    }
    let theme = bar.theme;
    let response = ui.add(Button::new("◑").frame(false));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, theme.name()));
    if response.on_hover_text(theme.name()).clicked() {
        actions.push(Action::Edit(Edit::Theme(theme.next())));
    }
}

/// The last part of a folder or a hub id.
fn short(name: &str) -> String {
    let last = name.trim_end_matches('/').rsplit('/').next().unwrap_or(name);
    let mut short: String = last.chars().take(28).collect();
    if short.len() < last.len() {
        short.push('…');
    }
    short
}
