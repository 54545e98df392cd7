//! One run on the page: its text, and its heading where there are two.

use egui::{Button, Context, RichText, ScrollArea, Ui, pos2};

use crate::state::{Action, Pane, Preferences, Stage};
use crate::views::block::BlockView;
use crate::views::theme::{LINE_HEIGHT, palette};

/// Around the text.
pub const MARGIN: f32 = 26.0;
/// Seconds that an opened cell glows.
const GLOW_SECS: f64 = 0.25;

/// A run, and how it is shown.
pub struct Side<'a> {
    /// The run.
    pub pane: &'a Pane,
    /// Index of the pane.
    pub index: usize,
    /// Whether timeline and inspector are about it, if there are two.
    pub is_active: Option<bool>,
    /// Steps follow each other.
    pub playing: bool,
    /// Colours, motion, and the next run's settings.
    pub prefs: &'a Preferences,
}

/// The run, under a heading if there are two.
pub fn side_ui(ui: &mut Ui, side: &Side<'_>, actions: &mut Vec<Action>) {
    if let Some(is_active) = side.is_active {
        heading_ui(ui, side, is_active, actions);
    }
    ScrollArea::vertical().id_salt(("text", side.index)).auto_shrink(false).show(ui, |ui| {
        let column = BlockView::width(ui, ui.available_width() - 2.0 * MARGIN);
        let beside = ((ui.available_width() - column) / 2.0).clamp(MARGIN, 127.0);
        let margin = egui::Margin::symmetric(beside as i8, MARGIN as i8);
        egui::Frame::new().inner_margin(margin).show(ui, |ui| {
            text_ui(ui, side, actions);
        });
    });
}

/// The text and its cells, or what comes before them.
fn text_ui(ui: &mut Ui, side: &Side<'_>, actions: &mut Vec<Action>) {
    let Side { pane, index, prefs, .. } = *side;
    if pane.recording.events().is_empty() {
        let words = match pane.stage {
            Stage::Live => "Compiling GPU kernels (first run) …",
            _ => "Press Generate: this side samples with its own settings.",
        };
        ui.label(RichText::new(words).color(palette(ui).quiet));
        return;
    }
    let top = ui.cursor().top();
    let response = BlockView::new(&pane.recording, pane.position)
        .color_by(prefs.color_by)
        .selected(pane.selected)
        .glow(glow(ui.ctx(), pane, prefs.reduce_motion))
        .id_salt(index)
        .show(ui);
    if response.hovered != pane.hovered {
        actions.push(Action::Hover(index, response.hovered));
    }
    if let Some(cell) = response.clicked {
        actions.push(Action::Select(index, Some(cell)));
    }
    let follows = pane.is_at_end() || side.playing;
    if follows && ui.input(|i| i.time) - pane.shown_at < 0.5 {
        let y = top + response.current_y;
        let line = egui::Rect::from_min_max(
            pos2(ui.min_rect().left(), y - LINE_HEIGHT),
            pos2(ui.min_rect().left() + 1.0, y + 4.0 * LINE_HEIGHT),
        );
        let animation = match prefs.reduce_motion {
            true => egui::style::ScrollAnimation::none(),
            false => ui.style().scroll_animation,
        };
        ui.scroll_to_rect_animation(line, None, animation);
    }
    ui.add_space(2.0 * LINE_HEIGHT);
}

/// How strongly cells glow that opened at the moment that is shown, 0 to 1.
fn glow(ctx: &Context, pane: &Pane, reduce_motion: bool) -> f32 {
    let age = ctx.input(|i| i.time) - pane.shown_at;
    if reduce_motion || age >= GLOW_SECS || pane.shown_at == 0.0 {
        return 0.0;
    }
    ctx.request_repaint();
    (1.0 - age / GLOW_SECS) as f32
}

/// How the run of this side was made, and what it has cost.
fn heading_ui(ui: &mut Ui, side: &Side<'_>, is_active: bool, actions: &mut Vec<Action>) {
    let Side { pane, index, prefs, .. } = *side;
    let name = if index == 0 { "Left" } else { "Right" };
    let quiet = palette(ui).quiet;
    egui::Frame::new().inner_margin(egui::Margin::symmetric(MARGIN as i8, 8)).show(ui, |ui| {
        ui.horizontal(|ui| {
            let chip = Button::selectable(is_active, RichText::new(name).strong());
            let response = ui.add(chip).on_hover_text("Timeline and inspector are about this side");
            if response.clicked() {
                actions.push(Action::Activate(index));
            }
            if let Some(moment) = pane.recording.moments().get(pane.position) {
                let secs = pane.recording.step(pane.position).map(|step| step.secs);
                let secs = secs.or(pane.recording.done().map(|done| done.secs)).unwrap_or(0.0);
                let words = format!("Model passes {} · {secs:.1} s", moment.nfe);
                let hint = "Passes after which cells opened (network function evaluations, NFE), \
                            and seconds of computing";
                ui.label(words).on_hover_text(hint);
            }
        });
        let made_with = match pane.made_with.is_empty() {
            true => prefs.panes[index].summary(),
            false => pane.made_with.clone(),
        };
        ui.add(egui::Label::new(RichText::new(made_with).color(quiet)).truncate());
    });
}
