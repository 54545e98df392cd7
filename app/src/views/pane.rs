//! One run on the page: its text, and its heading where there are two.

use egui::{Button, Context, RichText, ScrollArea, Ui, pos2, vec2};

use crate::state::{Action, Marks, Pane, Preferences, Stage};
use crate::views::block::BlockView;
use crate::views::find::is_sought;
use crate::views::theme::{LINE_HEIGHT, palette};

/// Around the text.
pub const MARGIN: f32 = 26.0;
/// Seconds that an opened cell glows.
const GLOW_SECS: f64 = 0.25;

/// A run, and how it is shown.
pub struct Side<'a> {
    /// The run.
    pub pane: &'a Pane,
    /// Its tokens that differ from the other side's.
    pub marked: Option<&'a [bool]>,
    /// Words of it that were looked for, and when.
    pub found: Option<(&'a Marks, f64)>,
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
    heading_ui(ui, side, actions);
    ScrollArea::vertical().id_salt(("text", side.index)).auto_shrink(false).show(ui, |ui| {
        // In the middle, however wide the window is.
        let column = BlockView::width(ui, ui.available_width() - 2.0 * MARGIN);
        let beside = ((ui.available_width() - column) / 2.0).max(MARGIN);
        let top_left = ui.cursor().min + vec2(beside, 0.5 * MARGIN);
        let rect = egui::Rect::from_min_size(top_left, vec2(column, ui.available_height()));
        ui.scope_builder(egui::UiBuilder::new().max_rect(rect), |ui| text_ui(ui, side, actions));
    });
}

/// The text and its cells, or what comes before them.
fn text_ui(ui: &mut Ui, side: &Side<'_>, actions: &mut Vec<Action>) {
    let Side { pane, index, prefs, .. } = *side;
    if pane.recording.events().is_empty() {
        let words = match pane.stage {
            Stage::Live => "Compiling GPU kernels (first run) …",
            _ => "Generate this side, or choose a run in the history.",
        };
        ui.label(RichText::new(words).color(palette(ui).quiet));
        return;
    }
    let top = ui.cursor().top();
    let response = BlockView::new(&pane.recording, pane.position)
        .color_by(prefs.color_by)
        .scale(prefs.scale)
        .keep_colors(prefs.keep_colors)
        .marked(side.marked)
        .found(side.found.map(|(marks, _)| marks))
        .selected(pane.selected)
        .glow(glow(ui.ctx(), pane, prefs.is_still()))
        .id_salt(index)
        .show(ui);
    if response.hovered != pane.hovered {
        actions.push(Action::Hover(index, response.hovered));
    }
    if let Some(cell) = response.clicked {
        actions.push(Action::Select(index, Some(cell)));
    }
    let animation = match prefs.is_still() {
        true => egui::style::ScrollAnimation::none(),
        false => ui.style().scroll_animation,
    };
    let sought = side.found.filter(|(_, chosen_at)| is_sought(ui, *chosen_at));
    if let (Some(_), Some(found)) = (sought, response.found) {
        ui.scroll_to_rect_animation(found.expand(2.0 * LINE_HEIGHT), None, animation);
    }
    let follows = (pane.is_at_end() || side.playing) && sought.is_none();
    if follows && ui.input(|i| i.time) - pane.shown_at < 0.5 {
        let y = top + response.current_y;
        let line = egui::Rect::from_min_max(
            pos2(ui.min_rect().left(), y - LINE_HEIGHT),
            pos2(ui.min_rect().left() + 1.0, y + 4.0 * LINE_HEIGHT),
        );
        ui.scroll_to_rect_animation(line, None, animation);
    }
    ui.add_space(2.0 * LINE_HEIGHT);
}

/// How strongly cells glow that opened at the moment that is shown, 0 to 1.
fn glow(ctx: &Context, pane: &Pane, is_still: bool) -> f32 {
    let age = ctx.input(|i| i.time) - pane.shown_at;
    if is_still || age >= GLOW_SECS || pane.shown_at == 0.0 {
        return 0.0;
    }
    ctx.request_repaint();
    (1.0 - age / GLOW_SECS) as f32
}

/// How the run was made, and what it has cost; where there are two, which of them it is.
fn heading_ui(ui: &mut Ui, side: &Side<'_>, actions: &mut Vec<Action>) {
    let Side { pane, index, prefs, .. } = *side;
    let made_with = match pane.made_with.is_empty() {
        true => prefs.panes[index].summary(),
        false => pane.made_with.clone(),
    };
    let made_with = RichText::new(made_with).small().color(palette(ui).quiet);
    let column = BlockView::width(ui, ui.available_width() - 2.0 * MARGIN);
    let beside = ((ui.available_width() - column) / 2.0).max(MARGIN);
    egui::Frame::new().inner_margin(egui::Margin::symmetric(0, 6)).show(ui, |ui| {
        if let Some(is_active) = side.is_active {
            ui.horizontal(|ui| {
                ui.add_space(beside);
                choice_ui(ui, side, is_active, actions);
            });
        }
        ui.horizontal(|ui| {
            ui.add_space(beside);
            if pane.recording.is_thinned() {
                let words = RichText::new("old candidates dropped").small();
                ui.label(words).on_hover_text("The run was too long to keep them all");
            }
            if side.is_active.is_some() {
                cost_ui(ui, pane);
            }
            ui.add(egui::Label::new(made_with).truncate());
        });
    });
}

fn choice_ui(ui: &mut Ui, side: &Side<'_>, is_active: bool, actions: &mut Vec<Action>) {
    let index = side.index;
    let name = if index == 0 { "Left" } else { "Right" };
    let chip = Button::selectable(is_active, RichText::new(name).strong());
    let response = ui.add(chip).on_hover_text("Timeline and inspector are about this side");
    if response.clicked() {
        actions.push(Action::Activate(index));
    }
    let words = format!("Generate {}", name.to_lowercase());
    let hint = "Begin with the prompt on this side alone; the other keeps its run";
    if ui.button(words).on_hover_text(hint).clicked() {
        actions.push(Action::GenerateSide(index));
    }
}

/// What the run has cost so far.
fn cost_ui(ui: &mut Ui, pane: &Pane) {
    if let Some(moment) = pane.recording.moments().get(pane.position) {
        let secs = pane.recording.step(pane.position).map(|step| step.secs);
        let secs = secs.or(pane.recording.done().map(|done| done.secs)).unwrap_or(0.0);
        let words = format!("{} passes · {secs:.1} s ·", moment.nfe);
        let hint = "Passes after which cells opened (network function evaluations, NFE), and \
                    seconds of computing";
        ui.label(RichText::new(words).small()).on_hover_text(hint);
    }
}
