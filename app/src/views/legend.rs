//! What colours and marks stand for; each entry explains itself under the mouse.

use egui::{Button, ComboBox, Mesh, Rect, Response, RichText, Role, Sense, Ui, WidgetInfo};
use egui::{pos2, vec2};

use crate::state::{Action, ColorBy, Edit, Preferences, Scale};
use crate::views::block::{hatch, pin};
use crate::views::theme::{Palette, palette};

/// A mark: its name, what it means, and how it is drawn.
type Mark = (&'static str, &'static str, fn(&Ui, &Palette, Rect));

const MARKS: [Mark; 5] = [
    (
        "masked",
        "A masked cell. Inside is the candidate that this pass drew; it is not kept unless the cell \
         opens.",
        |ui, palette, rect| {
            ui.painter().rect_filled(rect, 3, palette.masked);
            hatch(ui.painter(), rect, palette.hatch);
        },
    ),
    ("pinned", "You opened this cell with a token of your own.", |ui, palette, rect| {
        ui.painter().rect_filled(rect, 3, palette.masked);
        pin(ui.painter(), palette, rect);
    }),
    ("block", "A finished block begins here: all of its cells are open and will not change.", {
        |ui, palette, rect| {
            ui.painter().vline(rect.center().x, rect.y_range(), (1.5, palette.bar));
        }
    }),
    ("prompt", "The prompt: given, not drawn.", |ui, palette, rect| {
        letters(ui, rect, palette.quiet);
    }),
    (
        "slid out",
        "Text that has slid out of the model's window: it no longer influences what is written.",
        |ui, palette, rect| letters(ui, rect, palette.faded),
    ),
];

fn letters(ui: &Ui, rect: Rect, color: egui::Color32) {
    let font = egui::FontId::proportional(12.5);
    ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, "abc", font, color);
}

/// The legend.
pub fn legend_ui(ui: &mut Ui, prefs: &Preferences, actions: &mut Vec<Action>) {
    let palette = palette(ui);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(6.0, 4.0);
        for (name, meaning, draw) in MARKS {
            let small = RichText::new(name).small().color(palette.quiet);
            let response = ui
                .scope(|ui| {
                    let (rect, mark) = ui.allocate_exact_size(vec2(22.0, 13.0), Sense::hover());
                    draw(ui, &palette, rect);
                    mark.union(ui.label(small))
                })
                .inner;
            response.on_hover_text(meaning);
            ui.add_space(6.0);
        }
        ramp_ui(ui, prefs);
        choices_ui(ui, prefs, actions);
    });
}

/// What is coloured, how, and for how long.
fn choices_ui(ui: &mut Ui, prefs: &Preferences, actions: &mut Vec<Action>) {
    let Preferences { mut color_by, mut scale, mut keep_colors, .. } = *prefs;
    let small = |words: &str| RichText::new(words).small();
    let named = |response: Response, name: &str| {
        response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, name));
    };
    let response = ComboBox::from_id_salt("color by")
        .width(92.0)
        .selected_text(small(color_by.name()))
        .show_ui(ui, |ui| {
            for choice in ColorBy::ALL {
                ui.selectable_value(&mut color_by, choice, choice.name());
            }
        });
    named(response.response, "Colour by");
    if matches!(color_by, ColorBy::Confidence | ColorBy::Entropy) {
        let response = ComboBox::from_id_salt("scale")
            .width(46.0)
            .selected_text(small(scale.name()))
            .show_ui(ui, |ui| {
                for choice in Scale::ALL {
                    ui.selectable_value(&mut scale, choice, choice.name());
                }
            });
        named(response.response, "Colour scale");
    }
    let button = Button::selectable(keep_colors, small("Keep colours"));
    let response = ui.add(button).on_hover_text("Finished blocks keep the colours of their cells");
    keep_colors ^= response.clicked();
    let edits = [
        (color_by != prefs.color_by).then_some(Edit::ColorBy(color_by)),
        (scale != prefs.scale).then_some(Edit::Scale(scale)),
        (keep_colors != prefs.keep_colors).then_some(Edit::KeepColors(keep_colors)),
    ];
    actions.extend(edits.into_iter().flatten().map(Action::Edit));
}

/// The colours from one end to the other.
pub fn ramp_ui(ui: &mut Ui, prefs: &Preferences) {
    let palette = palette(ui);
    let [low, high] = prefs.color_by.ends(prefs.scale);
    let small = |words: &str| RichText::new(words).small().color(palette.quiet);
    let hint = match prefs.color_by {
        ColorBy::Confidence => "Probability of the token under the model when its cell opened",
        ColorBy::Entropy => "Entropy of the model's distribution when the cell opened",
        ColorBy::Order => "Which cells of a block opened first",
        ColorBy::Age => "How long ago a cell opened",
    };
    ui.label(small(low));
    let (rect, response) = ui.allocate_exact_size(vec2(72.0, 11.0), Sense::hover());
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
    response.on_hover_text(hint);
    ui.label(small(high));
}
