//! The sheet with files: what to write of a run, and a run to open.

use std::path::PathBuf;

use egui::{Button, ProgressBar, RichText, Role, TextEdit, Ui, WidgetInfo};

use crate::state::{Action, Dialog, Edit, Files, Format, State};
use crate::system::IS_PAGE;
use crate::views::theme::note;

/// What the sheet shows.
pub struct FilesSheet<'a> {
    has_run: bool,
    /// An address would write the same text.
    can_link: bool,
    /// Which run, if there are two.
    side: Option<&'static str>,
    files: &'a Files,
}

impl FilesSheet<'_> {
    /// What is shown of the state.
    pub fn of(state: &State) -> FilesSheet<'_> {
        let has_run = !state.pane().recording.events().is_empty();
        let side =
            (state.panes.len() == 2).then_some(if state.active == 0 { "left" } else { "right" });
        let can_link = state.pane().can_link();
        FilesSheet { has_run, can_link, side, files: &state.files }
    }
}

/// Save, export, open.
pub fn files_ui(ui: &mut Ui, sheet: &FilesSheet<'_>, actions: &mut Vec<Action>) {
    write_ui(ui, sheet, actions);
    ui.add_space(12.0);
    open_ui(ui, sheet.files, actions);
}

fn write_ui(ui: &mut Ui, sheet: &FilesSheet<'_>, actions: &mut Vec<Action>) {
    let FilesSheet { has_run, side, files, .. } = *sheet;
    let title = side.map_or("Save this run".into(), |side| format!("Save the {side} run"));
    ui.label(RichText::new(title).strong());
    ui.separator();
    if ui.add_enabled(has_run, Button::new("Copy the text")).clicked() {
        actions.push(Action::CopyText);
    }
    if IS_PAGE {
        return downloads_ui(ui, sheet, actions);
    }
    note(
        ui,
        "Files begin with this path; their ending says what they are. No file is overwritten.",
    );
    let mut path = files.path.clone();
    let response = ui.add(TextEdit::singleline(&mut path).desired_width(f32::INFINITY));
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Path of files to write"));
    let can_write = has_run && files.writing.is_none() && !path.trim().is_empty();
    for format in Format::ALL {
        let path = PathBuf::from(format!("{}.{}", path.trim(), format.ending()));
        ui.horizontal(|ui| {
            let button = Button::new(format.name()).min_size(egui::vec2(150.0, 0.0));
            let response = ui.add_enabled(can_write, button);
            if response.on_hover_text(format!("Write {}", path.display())).clicked() {
                actions.push(Action::Export(format, path));
            }
            let can_ask = can_write && !files.asks;
            let response = ui.add_enabled(can_ask, Button::new("Save as …"));
            let label = format!("Save as: {}", format.name());
            response.widget_info(|| WidgetInfo::labeled(Role::Button, can_ask, &label));
            if response.clicked() {
                actions.push(Action::Ask(Dialog::Save(format)));
            }
        });
    }
    pixels_ui(ui, files.pixels, actions);
    if response.changed() {
        actions.push(Action::Edit(Edit::WritePath(path)));
    }
    outcome_ui(ui, files, actions);
}

/// What a page can write: a link, and files that go where downloads go.
fn downloads_ui(ui: &mut Ui, sheet: &FilesSheet<'_>, actions: &mut Vec<Action>) {
    let FilesSheet { has_run, can_link, files, .. } = *sheet;
    let link = ui
        .add_enabled(can_link, Button::new("Copy a link to this text"))
        .on_hover_text("An address that writes the same text in another browser")
        .on_disabled_hover_text(
            "For texts of tales or a hub's model, in which nothing was steered",
        );
    if link.clicked() {
        actions.push(Action::CopyLink);
    }
    ui.add_space(6.0);
    let can_write = has_run && files.writing.is_none();
    for format in Format::ALL {
        let button = Button::new(format.name()).min_size(egui::vec2(150.0, 0.0));
        if ui.add_enabled(can_write, button).on_hover_text("Download it").clicked() {
            let path = PathBuf::from(format!("bdlm-run.{}", format.ending()));
            actions.push(Action::Export(format, path));
        }
    }
    pixels_ui(ui, files.pixels, actions);
    outcome_ui(ui, files, actions);
}

/// How far a file is, or what became of the last one.
fn outcome_ui(ui: &mut Ui, files: &Files, actions: &mut Vec<Action>) {
    if let Some(part) = files.writing {
        ui.add(ProgressBar::new(part).text("Writing"));
        if ui.button("Cancel").clicked() {
            actions.push(Action::CancelExport);
        }
    } else if !files.outcome.is_empty() {
        note(ui, &files.outcome);
    }
}

fn pixels_ui(ui: &mut Ui, now: u8, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        ui.label("Size of pictures");
        for pixels in 1..=3 {
            let response = ui.add(Button::selectable(now == pixels, format!("{pixels}×")));
            if response
                .on_hover_text(format!("{} pixels wide", 760 * usize::from(pixels)))
                .clicked()
            {
                actions.push(Action::Edit(Edit::Pixels(pixels)));
            }
        }
    });
}

fn open_ui(ui: &mut Ui, files: &Files, actions: &mut Vec<Action>) {
    ui.label(RichText::new("Open a run").strong());
    ui.separator();
    note(
        ui,
        "A run that this app or the command line has written. No model is needed. A file can also \
         be dropped on the window.",
    );
    if IS_PAGE {
        if ui.button("Choose a file …").clicked() {
            actions.push(Action::Ask(Dialog::OpenRun));
        }
        return;
    }
    let mut path = files.open.clone();
    let edit = TextEdit::singleline(&mut path).hint_text("run.jsonl").desired_width(f32::INFINITY);
    let response = ui.add(edit);
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Run to open"));
    let entered = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
    let is_named = !path.trim().is_empty();
    ui.horizontal(|ui| {
        let is_clicked = ui.add_enabled(is_named, Button::new("Open")).clicked();
        if is_clicked || (entered && is_named) {
            actions.push(Action::Open(PathBuf::from(path.trim())));
        }
        if ui.add_enabled(!files.asks, Button::new("Choose a file …")).clicked() {
            actions.push(Action::Ask(Dialog::OpenRun));
        }
    });
    if response.changed() {
        actions.push(Action::Edit(Edit::OpenPath(path)));
    }
}
