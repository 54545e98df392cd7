//! What colours and lines stand for.

use egui::{Button, Mesh, RichText, Sense, Ui, pos2, vec2};

use crate::state::{Action, ColorBy, Edit};
use crate::views::theme::palette;

/// The legend.
pub fn legend_ui(ui: &mut Ui, color_by: ColorBy, actions: &mut Vec<Action>) {
    let palette = palette(ui);
    let small = |words: &str| RichText::new(words).small().color(palette.quiet);
    ui.horizontal(|ui| {
        masked_ui(ui);
        ui.label(small("masked, its candidate inside"));
        ui.add_space(10.0);
        let (words, other) = match color_by {
            ColorBy::Confidence => ("confidence 0", ColorBy::Entropy),
            ColorBy::Entropy => ("entropy 6+ nats", ColorBy::Confidence),
        };
        ui.label(small(words));
        ramp_ui(ui);
        ui.label(small(if other == ColorBy::Entropy { "1" } else { "0" }));
        let switch = match other {
            ColorBy::Confidence => "Colour by confidence",
            ColorBy::Entropy => "Colour by entropy",
        };
        if ui.add(Button::new(small(switch)).frame(false)).clicked() {
            actions.push(Action::Edit(Edit::ColorBy(other)));
        }
    });
}

/// A masked cell, small.
fn masked_ui(ui: &mut Ui) {
    let palette = palette(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(22.0, 13.0), Sense::hover());
    ui.painter().rect_filled(rect, 3, palette.masked);
    for i in 0..4 {
        let x = rect.left() + 6.0 * i as f32;
        let painter = ui.painter_at(rect);
        let line = [pos2(x - 6.0, rect.bottom()), pos2(x + 7.0, rect.top())];
        painter.line_segment(line, (1.0, palette.hatch));
    }
}

/// The colours from 0 to 1.
fn ramp_ui(ui: &mut Ui) {
    let palette = palette(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(92.0, 11.0), Sense::hover());
    let mut mesh = Mesh::default();
    for i in 0..=24 {
        let part = i as f32 / 24.0;
        let (x, color) = (rect.left() + part * rect.width(), palette.ground(part));
        mesh.colored_vertex(pos2(x, rect.top()), color);
        mesh.colored_vertex(pos2(x, rect.bottom()), color);
        if i > 0 {
            let at = 2 * i as u32;
            mesh.add_triangle(at - 2, at - 1, at);
            mesh.add_triangle(at - 1, at, at + 1);
        }
    }
    ui.painter().add(mesh);
}
