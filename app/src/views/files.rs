//! The sheet with files: what to write of a run, and a run to open.

use std::path::PathBuf;

use egui::{Button, ProgressBar, RichText, Role, TextEdit, Ui, WidgetInfo};

use crate::state::{Action, Edit, Files, Format, State};
use crate::views::theme::note;

/// What the sheet shows.
pub struct FilesSheet<'a> {
    has_run: bool,
    files: &'a Files,
}

impl FilesSheet<'_> {
    /// What is shown of the state.
    pub fn of(state: &State) -> FilesSheet<'_> {
        let has_run = !state.pane().recording.events().is_empty();
        FilesSheet { has_run, files: &state.files }
    }
}

/// Save, export, open.
pub fn files_ui(ui: &mut Ui, sheet: &FilesSheet<'_>, actions: &mut Vec<Action>) {
    write_ui(ui, sheet, actions);
    ui.add_space(12.0);
    open_ui(ui, &sheet.files.open, actions);
}

fn write_ui(ui: &mut Ui, sheet: &FilesSheet<'_>, actions: &mut Vec<Action>) {
    let FilesSheet { has_run, files } = *sheet;
    ui.label(RichText::new("Save this run").strong());
    ui.separator();
    if ui.add_enabled(has_run, Button::new("Copy the text")).clicked() {
        actions.push(Action::CopyText);
    }
    note(ui, "Files begin with this path; their ending says what they are.");
    let mut path = files.path.clone();
    let response = ui.add(TextEdit::singleline(&mut path).desired_width(f32::INFINITY));
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Path of files to write"));
    let can_write = has_run && files.writing.is_none() && !path.trim().is_empty();
    for format in Format::ALL {
        let path = PathBuf::from(format!("{}.{}", path.trim(), format.ending()));
        let response = ui.add_enabled(can_write, Button::new(format.name()));
        if response.on_hover_text(format!("Write {}", path.display())).clicked() {
            actions.push(Action::Export(format, path));
        }
    }
    if response.changed() {
        actions.push(Action::Edit(Edit::WritePath(path)));
    }
    if let Some(part) = files.writing {
        ui.add(ProgressBar::new(part).text("Writing"));
        if ui.button("Cancel").clicked() {
            actions.push(Action::CancelExport);
        }
    } else if !files.outcome.is_empty() {
        note(ui, &files.outcome);
    }
}

fn open_ui(ui: &mut Ui, path: &str, actions: &mut Vec<Action>) {
    ui.label(RichText::new("Open a run").strong());
    ui.separator();
    note(
        ui,
        "A run that this app or the command line has written. No model is needed. A file can also \
         be dropped on the window.",
    );
    let mut path = path.to_string();
    let edit = TextEdit::singleline(&mut path).hint_text("run.jsonl").desired_width(f32::INFINITY);
    let response = ui.add(edit);
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Run to open"));
    let is_named = !path.trim().is_empty();
    if ui.add_enabled(is_named, Button::new("Open")).clicked() {
        actions.push(Action::Open(PathBuf::from(path.trim())));
    }
    if response.changed() {
        actions.push(Action::Edit(Edit::OpenPath(path)));
    }
}
