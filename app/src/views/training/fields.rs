//! Fields of a form: a name, a number or a text, and why it matters.

use std::ops::RangeInclusive;

use egui::emath::Numeric;
use egui::{Button, DragValue, Role, TextEdit, Ui, WidgetInfo};

use crate::state::Dialog;
use crate::views::theme::note;

/// Width of the names, so that the fields stand in a column.
const NAMES: f32 = 108.0;

/// A row: a name, and what belongs to it.
fn row(ui: &mut Ui, name: &str, hint: &str, add: impl FnOnce(&mut Ui) -> egui::Response) {
    ui.horizontal(|ui| {
        let height = ui.spacing().interact_size.y;
        let layout = egui::Layout::left_to_right(egui::Align::Center);
        ui.allocate_ui_with_layout(egui::vec2(NAMES, height), layout, |ui| {
            ui.set_min_width(NAMES);
            ui.label(name).on_hover_text(hint);
        });
        add(ui).on_hover_text(hint);
    });
}

/// A number.
pub fn number_field<N: Numeric>(
    ui: &mut Ui,
    name: &str,
    value: &mut N,
    (range, speed): (RangeInclusive<N>, f64),
    hint: &str,
) {
    row(ui, name, hint, |ui| {
        let decimals = if N::INTEGRAL { 0 } else { 6 };
        let drag = DragValue::new(value).range(range).speed(speed).max_decimals(decimals);
        let response = ui.add(drag);
        let now = value.to_f64();
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::SpinButton, true, name);
            info.value = Some(now);
            info
        });
        response
    });
}

/// A short text.
pub fn text_field(ui: &mut Ui, name: &str, value: &mut String, hint: &str) {
    row(ui, name, hint, |ui| {
        let response = ui.add(TextEdit::singleline(value).desired_width(f32::INFINITY));
        response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, name));
        response
    });
}

/// A path that can be typed, or chosen in a dialog of the system.
pub struct PathField<'a> {
    /// What it is.
    pub name: &'a str,
    /// Shown where nothing is typed.
    pub example: &'a str,
    /// What it is for.
    pub sentence: &'a str,
    /// What the button is called.
    pub choose: &'a str,
    /// What the button asks for; none while another dialog is open.
    pub dialog: Option<Dialog>,
}

/// The path, under its name; the dialog that is asked for.
pub fn path_field(ui: &mut Ui, field: &PathField<'_>, value: &mut String) -> Option<Dialog> {
    let mut asked = None;
    ui.horizontal(|ui| {
        ui.label(field.name);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let response = ui.add_enabled(field.dialog.is_some(), Button::new("Choose …").small());
            response.widget_info(|| WidgetInfo::labeled(Role::Button, true, field.choose));
            if response.clicked() {
                asked = field.dialog;
            }
        });
    });
    let edit = TextEdit::singleline(value).hint_text(field.example).desired_width(f32::INFINITY);
    let response = ui.add(edit);
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, field.name));
    note(ui, field.sentence);
    ui.add_space(3.0);
    asked
}
