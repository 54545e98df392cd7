//! The text: one run or two, and what is said before there is one.

use egui::{Align, Button, Layout, Mesh, RichText, ScrollArea, Sense, Ui, pos2, vec2};

use crate::action::Action;
use crate::app::App;
use crate::pane::{Pane, Stage};
use crate::theme::{LINE_HEIGHT, palette};
use crate::view::{BlockView, ColorBy};

/// Prompts to begin with.
const EXAMPLES: [&str; 3] = ["Once upon a time", "The king said to his", "In a dark forest"];
/// Around the text.
const MARGIN: f32 = 26.0;

/// The middle of the window.
pub fn page_ui(app: &mut App, ui: &mut Ui, actions: &mut Vec<Action>) {
    let is_empty = |pane: &Pane| pane.stage == Stage::Still && pane.recording.events().is_empty();
    if app.panes.len() == 1 && app.panes.iter().all(is_empty) {
        return empty_ui(app, ui, actions);
    }
    egui::Panel::bottom("legend").show_separator_line(false).frame(legend_frame()).show(ui, |ui| {
        legend_ui(app, ui);
    });
    let count = app.panes.len();
    let width = (ui.available_width() - 1.0) / count as f32;
    let height = ui.available_height();
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        for pane in 0..count {
            ui.allocate_ui_with_layout(vec2(width, height), Layout::top_down(Align::Min), |ui| {
                pane_ui(app, ui, pane, actions);
            });
            if pane + 1 < count {
                let (line, _) = ui.allocate_exact_size(vec2(1.0, height), Sense::hover());
                ui.painter().rect_filled(line, 0, palette(ui).boundary);
            }
        }
    });
}

fn legend_frame() -> egui::Frame {
    egui::Frame::new().inner_margin(egui::Margin::symmetric(MARGIN as i8, 9))
}

/// What will be seen, and three ways to begin.
fn empty_ui(app: &mut App, ui: &mut Ui, actions: &mut Vec<Action>) {
    let palette = palette(ui);
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() * 0.26).max(30.0));
        ui.label(RichText::new("Watch a text come out of the mask").size(25.0));
        ui.add_space(4.0);
        let words = "Block by block, from left to right: all words of a block begin hidden, and \
                     open one after the other while the model makes up its mind.";
        ui.scope(|ui| {
            ui.set_max_width(470.0);
            ui.label(RichText::new(words).color(palette.quiet).size(15.0));
        });
        ui.add_space(18.0);
        match (&app.busy, &app.model) {
            (Some(progress), _) => {
                let words = progress.what.clone();
                let bar = egui::ProgressBar::new(progress.part.unwrap_or(0.0)).text(words);
                ui.add(bar.desired_width(320.0));
            }
            (None, None) => {
                if ui.button("Choose a model").clicked() {
                    actions.push(Action::Sheet(crate::action::Sheet::Model));
                }
            }
            (None, Some(_)) => {
                let width = 3.0 * 172.0;
                let left = (ui.available_width() - width) / 2.0;
                ui.horizontal(|ui| {
                    ui.add_space(left.max(0.0));
                    for example in EXAMPLES {
                        let chip = Button::new(format!("{example} …")).corner_radius(14);
                        if ui.add(chip.min_size(vec2(164.0, 30.0))).clicked() {
                            app.prefs.prompt = example.into();
                            actions.push(Action::Generate);
                        }
                    }
                });
            }
        }
    });
}

fn pane_ui(app: &App, ui: &mut Ui, pane: usize, actions: &mut Vec<Action>) {
    let shown = &app.panes[pane];
    if app.panes.len() == 2 {
        heading_ui(app, ui, pane, actions);
    }
    let glow = app.glow(ui.ctx(), shown);
    let follows = shown.is_at_end() || app.playing;
    ScrollArea::vertical().id_salt(("text", pane)).auto_shrink(false).show(ui, |ui| {
        let column = BlockView::width(ui, ui.available_width() - 2.0 * MARGIN);
        let side = ((ui.available_width() - column) / 2.0).clamp(MARGIN, 127.0);
        let margin = egui::Margin::symmetric(side as i8, MARGIN as i8);
        egui::Frame::new().inner_margin(margin).show(ui, |ui| {
            if shown.recording.events().is_empty() {
                let words = match shown.stage {
                    Stage::Live => "Preparing the kernels …",
                    _ => "Press Generate: this side samples with its own settings.",
                };
                ui.label(RichText::new(words).color(palette(ui).quiet));
                return;
            }
            let top = ui.cursor().top();
            let told = BlockView::new(&shown.recording, shown.position)
                .color_by(app.prefs.color_by)
                .selected(shown.selected)
                .glow(glow)
                .id_salt(pane)
                .show(ui);
            if told.hovered != shown.hovered {
                actions.push(Action::Hover(pane, told.hovered));
            }
            if let Some(cell) = told.clicked {
                actions.push(Action::Select(pane, Some(cell)));
            }
            if follows && ui.input(|i| i.time) - shown.shown_at < 0.5 {
                let y = top + told.current_y;
                let line = egui::Rect::from_min_max(
                    pos2(ui.min_rect().left(), y - LINE_HEIGHT),
                    pos2(ui.min_rect().left() + 1.0, y + 4.0 * LINE_HEIGHT),
                );
                let animation = match app.prefs.reduce_motion {
                    true => egui::style::ScrollAnimation::none(),
                    false => ui.style().scroll_animation,
                };
                ui.scroll_to_rect_animation(line, None, animation);
            }
            ui.add_space(2.0 * LINE_HEIGHT);
        });
    });
}

/// What the run of one side is made with, and what it cost.
fn heading_ui(app: &App, ui: &mut Ui, pane: usize, actions: &mut Vec<Action>) {
    let shown = &app.panes[pane];
    let side = if pane == 0 { "Left" } else { "Right" };
    let quiet = palette(ui).quiet;
    egui::Frame::new().inner_margin(egui::Margin::symmetric(MARGIN as i8, 8)).show(ui, |ui| {
        ui.horizontal(|ui| {
            let chip = Button::selectable(app.active == pane, RichText::new(side).strong());
            let response = ui.add(chip).on_hover_text("Timeline and inspector are about this side");
            if response.clicked() {
                actions.push(Action::Activate(pane));
            }
            if let Some(moment) = shown.recording.moments().get(shown.position) {
                let secs = shown.recording.step(shown.position).map(|step| step.secs);
                let secs = secs.or(shown.recording.done().map(|done| done.secs)).unwrap_or(0.0);
                let hint = "Network function evaluations, and seconds of work";
                ui.label(format!("NFE {} · {secs:.1} s", moment.nfe)).on_hover_text(hint);
            }
        });
        let made_with = match shown.made_with.is_empty() {
            true => app.prefs.panes[pane].summary(),
            false => shown.made_with.clone(),
        };
        ui.add(egui::Label::new(RichText::new(made_with).color(quiet)).truncate());
    });
}

/// What colours and lines stand for.
fn legend_ui(app: &mut App, ui: &mut Ui) {
    let palette = palette(ui);
    let small = |words: &str| RichText::new(words).small().color(palette.quiet);
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(22.0, 13.0), Sense::hover());
        ui.painter().rect_filled(rect, 3, palette.masked);
        for i in 0..4 {
            let x = rect.left() + 6.0 * i as f32;
            let painter = ui.painter_at(rect);
            let line = [pos2(x - 6.0, rect.bottom()), pos2(x + 7.0, rect.top())];
            painter.line_segment(line, (1.0, palette.hatch));
        }
        ui.label(small("masked, its candidate inside"));
        ui.add_space(10.0);
        let (words, other) = match app.prefs.color_by {
            ColorBy::Confidence => ("confidence 0", ColorBy::Entropy),
            ColorBy::Entropy => ("entropy 6+ nats", ColorBy::Confidence),
        };
        ui.label(small(words));
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
        ui.label(small(if other == ColorBy::Entropy { "1" } else { "0" }));
        let switch = Button::new(small("switch")).frame(false);
        let hint = "Colour by confidence, or by entropy";
        let response = ui.add(switch).on_hover_text(hint);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, hint));
        if response.clicked() {
            app.prefs.color_by = other;
        }
    });
}
