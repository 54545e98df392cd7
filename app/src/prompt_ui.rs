//! The bar with the prompt, and the banner below it.

use egui::{Align, Button, Layout, RichText, TextEdit, Ui, vec2};

use crate::action::{Action, Sheet};
use crate::app::App;
use crate::theme::{palette, primary};

/// The prompt and what begins from it.
pub fn prompt_ui(app: &mut App, ui: &mut Ui, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            menu_ui(app, ui, actions);
            ui.add_space(4.0);
            generate_ui(app, ui, actions);
            let label = ui.label("").id;
            let edit = TextEdit::singleline(&mut app.prefs.prompt)
                .hint_text("Begin a text, or leave it empty")
                .margin(vec2(10.0, 6.0))
                .desired_width(f32::INFINITY);
            let response = ui.add(edit).labelled_by(label);
            response
                .widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Prompt"));
            let entered = ui.input(|i| i.key_pressed(egui::Key::Enter));
            if response.lost_focus() && entered {
                let wish = if app.can_resume() { Action::Resume } else { Action::Generate };
                actions.push(wish);
            }
        });
    });
}

fn generate_ui(app: &App, ui: &mut Ui, actions: &mut Vec<Action>) {
    if app.is_live() {
        let stop = Button::new(RichText::new("⏹ Stop").strong()).corner_radius(6);
        let response = ui.add(stop.min_size(vec2(98.0, 30.0)));
        if response.on_hover_text("End the run; its text stays").clicked() {
            actions.push(Action::Stop);
        }
        if app.can_resume() {
            let response = ui.add(primary(ui, "▶ Resume").min_size(vec2(98.0, 30.0)));
            let hint = "Go on with this prompt before the finished blocks; the current one is \
                        drawn anew";
            if response.on_hover_text(hint).clicked() {
                actions.push(Action::Resume);
            }
        }
        return;
    }
    let button = primary(ui, "▶ Generate").min_size(vec2(98.0, 30.0));
    let response = ui.add_enabled(app.can_generate(), button);
    let response = response.on_disabled_hover_text("The model is not ready yet");
    if response.clicked() {
        actions.push(Action::Generate);
    }
}

fn menu_ui(app: &mut App, ui: &mut Ui, actions: &mut Vec<Action>) {
    let theme = app.prefs.theme;
    let response = ui.add(Button::new("◑").frame(false));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, theme.name()));
    if response.on_hover_text(theme.name()).clicked() {
        app.prefs.theme = theme.next();
    }
    let model = match (&app.busy, &app.model) {
        (Some(_), _) => "loading …".into(),
        (None, Some(loaded)) => short(&loaded.name),
        (None, None) => "no model".into(),
    };
    let sheets = [
        ("⚙", "Settings", Sheet::Settings),
        ("🗁", "Files: save, export, open", Sheet::Files),
        (model.as_str(), "Model", Sheet::Model),
    ];
    for (words, label, sheet) in sheets {
        let response = ui.add(Button::selectable(app.sheet == sheet, words));
        let selected = app.sheet == sheet;
        response
            .widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, selected, label));
        if response.on_hover_text(label).clicked() {
            actions.push(Action::Sheet(sheet));
        }
    }
    let is_two = app.panes.len() == 2;
    let response = ui.add(Button::selectable(is_two, "Compare"));
    if response.on_hover_text("Two runs from one prompt, side by side").clicked() {
        actions.push(Action::Compare(!is_two));
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

/// One sentence, its cause, and a button that does the likely thing.
pub fn banner_ui(app: &App, ui: &mut Ui, actions: &mut Vec<Action>) {
    let Some(banner) = &app.banner else { return };
    let palette = palette(ui);
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button("Dismiss").clicked() {
                actions.push(Action::Dismiss);
            }
            if let Some((words, _)) = &banner.remedy
                && ui.add(primary(ui, words)).clicked()
            {
                actions.push(Action::Remedy);
            }
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.label(RichText::new(&banner.sentence).strong().color(palette.text));
                if !banner.cause.is_empty() {
                    ui.label(RichText::new(&banner.cause).color(palette.text));
                }
            });
        });
    });
}
