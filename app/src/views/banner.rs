//! An error: one sentence, its cause, and a button that does the likely thing.

use egui::{Area, Order, Rect, RichText, Ui, pos2};

use crate::state::{Action, Banner};
use crate::views::theme::{palette, primary};

/// The banner, at the top of a place, over what is there.
pub fn banner_ui(ui: &Ui, place: Rect, banner: &Banner, actions: &mut Vec<Action>) {
    let palette = palette(ui);
    let margin = egui::Margin::symmetric(14, 9);
    let frame = egui::Frame::popup(ui.style()).fill(palette.error).inner_margin(margin);
    let width = (place.width() - 24.0).clamp(200.0, 820.0);
    let area = Area::new(egui::Id::unique("banner")).order(Order::Foreground);
    let at = pos2(place.center().x - 0.5 * width, place.top() + 8.0);
    area.fixed_pos(at).show(ui.ctx(), |ui| {
        frame.show(ui, |ui| {
            ui.set_width(width - 28.0);
            ui.label(RichText::new(&banner.sentence).strong().color(palette.text));
            if !banner.cause.is_empty() {
                ui.label(RichText::new(&banner.cause).color(palette.text));
            }
            ui.horizontal(|ui| {
                if let Some((words, _)) = &banner.remedy
                    && ui.add(primary(ui, words)).clicked()
                {
                    actions.push(Action::Remedy);
                }
                if ui.button("Dismiss").clicked() {
                    actions.push(Action::Dismiss);
                }
            });
        });
    });
}
