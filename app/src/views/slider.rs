//! A number that can be set.

use std::ops::RangeInclusive;

use egui::{Button, Response, Role, Slider, Ui, WidgetInfo};

use crate::views::theme::note;

/// A number with its slider, a reset and a sentence. Returns what of it can be pointed at.
pub fn number_ui<N: egui::emath::Numeric>(
    ui: &mut Ui,
    (name, unit): (&str, &str),
    value: &mut N,
    (range, default): (RangeInclusive<N>, N),
    sentence: &str,
) -> Response {
    let heading = ui.horizontal(|ui| {
        let heading = ui.label(name);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let is_default = *value == default;
            let reset = ui.add_enabled(!is_default, Button::new("↺").frame(false));
            let label = format!("Reset {}", name.to_lowercase());
            reset.widget_info(|| WidgetInfo::labeled(Role::Button, !is_default, &label));
            if reset.on_hover_text(&label).clicked() {
                *value = default;
            }
        });
        heading
    });
    let suffix = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    let response = ui.add(Slider::new(value, range).suffix(suffix));
    let now = value.to_f64();
    response.widget_info(|| WidgetInfo::slider(true, now, name));
    note(ui, sentence);
    ui.add_space(4.0);
    heading.inner | response
}
