//! A card of the guided tour, at the foot of the page.

use egui::{Area, Order, Rect, RichText, Ui, pos2};

use crate::state::{Action, TourStep};
use crate::views::theme::{palette, primary};

/// Width of the page from which its legend has one row.
const ONE_ROW: f32 = 800.0;

/// The card of a step.
pub fn tour_ui(ui: &Ui, place: Rect, step: TourStep, is_ready: bool, actions: &mut Vec<Action>) {
    let palette = palette(ui);
    let width = (place.width() - 40.0).clamp(220.0, 470.0);
    // Above the legend, which has two rows where there is little room.
    let legend = if place.width() < ONE_ROW { 34.0 } else { 0.0 };
    let at = pos2(place.center().x - 0.5 * width, place.bottom() - 208.0 - legend);
    let (title, words) = step.words();
    Area::new(egui::Id::unique("tour")).order(Order::Foreground).fixed_pos(at).show(
        ui.ctx(),
        |ui| {
            let frame =
                egui::Frame::popup(ui.style()).inner_margin(14).stroke((1.0, palette.accent));
            frame.show(ui, |ui| {
                ui.set_width(width - 28.0);
                ui.horizontal(|ui| {
                    ui.label(RichText::new(title).strong());
                    let number = format!("{} of {}", step as usize + 1, TourStep::ALL.len());
                    ui.label(RichText::new(number).small().color(palette.quiet));
                });
                // As high for each step: the button stays under the pointer.
                ui.allocate_ui(egui::vec2(width - 28.0, 54.0), |ui| {
                    ui.set_min_height(54.0);
                    ui.label(words);
                });
                ui.horizontal(|ui| {
                    let next = step.next();
                    let label = if next.is_some() { "Next" } else { "Done" };
                    let button = primary(ui, label);
                    if ui.add_enabled(is_ready, button).clicked() {
                        actions.push(Action::Tour(next));
                    }
                    if next.is_some() && ui.button("Close the tour").clicked() {
                        actions.push(Action::Tour(None));
                    }
                });
            });
        },
    );
}
