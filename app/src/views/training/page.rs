//! The run: how far it is, its curves, and what its model writes.

use egui::{Label, Rect, RichText, Role, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo, vec2};

use crate::state::{TrainStage, Training};
use crate::views::block::{BlockView, whole};
use crate::views::numbers::grouped;
use crate::views::theme::{LINE_HEIGHT, TEXT_SIZE, palette};
use crate::views::training::curves::curves_ui;

/// Around the page.
const MARGIN: f32 = 26.0;
/// Samples that are shown, the newest ones.
const SAMPLES: usize = 12;

/// The page.
pub fn train_page_ui(ui: &mut Ui, run: &Training) {
    if run.stage == TrainStage::None {
        return empty_ui(ui);
    }
    let page = ui.available_height();
    ScrollArea::vertical().id_salt("training").auto_shrink(false).show(ui, |ui| {
        let width = (ui.available_width() - 2.0 * MARGIN).min(900.0);
        let beside = ((ui.available_width() - width) / 2.0).max(MARGIN);
        let corner = ui.cursor().min + vec2(beside, 16.0);
        let rect = Rect::from_min_size(corner, vec2(width, ui.available_height()));
        ui.scope_builder(UiBuilder::new().max_rect(rect), |ui| {
            ui.set_max_width(width);
            status_ui(ui, run);
            if !run.losses.is_empty() {
                ui.add_space(6.0);
                curves_ui(ui, run, (page * 0.4).clamp(140.0, 340.0));
            }
            samples_ui(ui, run);
            ui.add_space(16.0);
        });
    });
}

fn empty_ui(ui: &mut Ui) {
    let palette = palette(ui);
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() * 0.24).max(20.0));
        ui.label(RichText::new("Train a model of your own").size(25.0));
        ui.add_space(4.0);
        ui.scope(|ui| {
            ui.set_max_width(440.0);
            let words = "Give it a text, such as a file of stories: drop one on the window, or type \
                         its path at the right. A small network learns to write like it in minutes, \
                         and you read what it writes while it learns.";
            ui.label(RichText::new(words).color(palette.quiet).size(15.0));
        });
    });
}

/// Where it stands, how fast it goes, how long it takes.
fn status_ui(ui: &mut Ui, run: &Training) {
    let palette = palette(ui);
    ui.label(RichText::new(stage_words(run)).size(17.0).color(palette.text));
    progress_ui(ui, run.done() as f32);
    let words = numbers(run);
    if !words.is_empty() {
        let hint = "Tokens trained on per second, the time left at this speed, and weights, gradients \
                    and moments on the device, without activations";
        ui.label(RichText::new(words).color(palette.quiet)).on_hover_text(hint);
    }
}

/// A thin bar, whose track can be seen on the page.
fn progress_ui(ui: &mut Ui, done: f32) {
    let palette = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 6.0), Sense::hover());
    response.widget_info(|| {
        let words = format!("{:.0} % of the run is done", 100.0 * done);
        WidgetInfo::labeled(Role::ProgressIndicator, true, words)
    });
    ui.painter().rect_filled(rect, 3, palette.masked);
    let part = rect.with_max_x(rect.left() + done * rect.width());
    ui.painter().rect_filled(part, 3, palette.accent);
}

fn stage_words(run: &Training) -> String {
    let step = run.last.as_ref().map_or(0, |step| step.step + 1);
    let of = run.start.as_ref().and_then(|start| start.steps);
    let at = match of {
        Some(steps) => format!("step {} of {}", grouped(step), grouped(steps)),
        None => format!("step {}", grouped(step)),
    };
    let saved = run.saved.map(|step| format!("; step {} is saved", grouped(step)));
    let saved = saved.unwrap_or_default();
    match &run.stage {
        TrainStage::None => String::new(),
        TrainStage::Preparing(words) => format!("{words} …"),
        TrainStage::Running => format!("Training: {at}"),
        TrainStage::Pausing => format!("Pausing after this step: {at}"),
        TrainStage::Paused => format!("Paused: {at}"),
        TrainStage::Stopping if run.start.is_none() => "Stopping".into(),
        TrainStage::Stopped if run.start.is_none() => {
            "Stopped before its first step: nothing was trained".into()
        }
        TrainStage::Stopping => format!("Stopping after this step: {at}"),
        TrainStage::Stopped => format!("Stopped: {at}{saved}"),
        TrainStage::Finished => format!("Finished: {at}{saved}"),
        TrainStage::Failed => format!("Failed: {at}{saved}"),
    }
}

fn numbers(run: &Training) -> String {
    let mut parts = Vec::new();
    if let Some(speed) = run.tokens_per_sec {
        parts.push(format!("{} tokens/s", grouped(speed as usize)));
    }
    let is_over =
        matches!(run.stage, TrainStage::Finished | TrainStage::Stopped | TrainStage::Failed);
    if let Some(left) = run.secs_left().filter(|_| !is_over) {
        parts.push(format!("{} left", duration(left)));
    }
    if let (Some(step), true) = (&run.last, is_over) {
        parts.push(format!("{} of training", duration(step.secs)));
    }
    if let Some(start) = &run.start {
        let parameters = start.parameters as f64 / 1e6;
        parts.push(format!("{:.0} MB on the device", start.memory_bytes as f64 / 1e6));
        parts.push(format!("{parameters:.1} M parameters"));
    }
    if run.skipped > 0 {
        parts.push(format!("{} steps skipped: their gradients were not finite", run.skipped));
    }
    parts.join(" · ")
}

fn samples_ui(ui: &mut Ui, run: &Training) {
    let palette = palette(ui);
    if run.samples.is_empty() {
        if run.is_live() && !run.losses.is_empty() {
            ui.add_space(12.0);
            ui.label(
                RichText::new("The first sample comes with the first validation.")
                    .color(palette.quiet),
            );
        }
        return;
    }
    ui.add_space(14.0);
    ui.label(RichText::new("What it writes").strong());
    let column = BlockView::width(ui, ui.available_width());
    for (step, text) in run.samples.iter().rev().take(SAMPLES) {
        ui.add_space(6.0);
        ui.label(
            RichText::new(format!("after {} steps", grouped(*step))).small().color(palette.quiet),
        );
        ui.scope(|ui| {
            ui.set_max_width(column);
            let words =
                RichText::new(whole(text.trim())).size(TEXT_SIZE).line_height(Some(LINE_HEIGHT));
            ui.add(Label::new(words.color(palette.text)).wrap());
        });
    }
}

/// Seconds as a person says them.
fn duration(secs: f64) -> String {
    match secs {
        secs if secs < 90.0 => format!("{secs:.0} s"),
        secs if secs < 5400.0 => format!("{:.0} min", secs / 60.0),
        secs => format!("{:.1} h", secs / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_people_say_them() {
        assert_eq!([duration(4.4), duration(300.0), duration(9000.0)], ["4 s", "5 min", "2.5 h"]);
    }
}
