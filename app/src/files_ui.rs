//! The sheet with files: what to write of a run, and a run to open.

use std::path::PathBuf;

use egui::{Button, ProgressBar, RichText, Role, TextEdit, Ui, WidgetInfo};

use crate::action::Action;
use crate::app::App;
use crate::export::Format;
use crate::theme::note;

/// Save, export, open.
pub fn files_ui(app: &mut App, ui: &mut Ui, actions: &mut Vec<Action>) {
    let has_run = !app.pane().recording.events().is_empty();
    ui.label(RichText::new("Save this run").strong());
    ui.separator();
    if ui.add_enabled(has_run, Button::new("Copy the text")).clicked() {
        actions.push(Action::CopyText);
    }
    note(ui, "Files begin with this path; their ending says what they are.");
    let edit = TextEdit::singleline(&mut app.writing.path).desired_width(f32::INFINITY);
    let response = ui.add(edit);
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Path of files to write"));
    let is_busy = app.writing.export.is_some();
    let can_write = has_run && !is_busy && !app.writing.path.trim().is_empty();
    for format in Format::ALL {
        let path = PathBuf::from(format!("{}.{}", app.writing.path.trim(), format.ending()));
        let response = ui.add_enabled(can_write, Button::new(format.name()));
        if response.on_hover_text(format!("Write {}", path.display())).clicked() {
            actions.push(Action::Export(format, path));
        }
    }
    if is_busy {
        ui.add(ProgressBar::new(app.writing.part).text("Writing"));
        if ui.button("Cancel").clicked() {
            actions.push(Action::CancelExport);
        }
    } else if !app.writing.outcome.is_empty() {
        note(ui, &app.writing.outcome);
    }
    ui.add_space(12.0);
    ui.label(RichText::new("Open a run").strong());
    ui.separator();
    note(
        ui,
        "Events as this app or `bdlm generate --events` writes them. No model is needed. A file can also be dropped on the window.",
    );
    let edit = TextEdit::singleline(&mut app.writing.open)
        .hint_text("run.jsonl")
        .desired_width(f32::INFINITY);
    let response = ui.add(edit);
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Run to open"));
    let is_named = !app.writing.open.trim().is_empty();
    if ui.add_enabled(is_named, Button::new("Open")).clicked() {
        actions.push(Action::Open(PathBuf::from(app.writing.open.trim())));
    }
}
