//! What is shown before there is a run.

use egui::{Button, RichText, Ui, vec2};

use crate::engine::Progress;
use crate::state::{Action, Edit, Models, Sheet, TourStep, TrainAction};
use crate::views::theme::palette;

/// Prompts to begin with.
const EXAMPLES: [&str; 3] = ["Once upon a time", "Lily had a blue ball", "In a dark forest"];

/// What a run needs first.
pub enum Beginning<'a> {
    /// A model is being found or loaded.
    Busy(&'a Progress),
    /// A model must be chosen.
    NoModel,
    /// A prompt.
    Ready,
}

impl Beginning<'_> {
    /// What is shown of the models.
    pub fn of(models: &Models) -> Beginning<'_> {
        match (&models.busy, &models.loaded) {
            (Some(progress), _) => Beginning::Busy(progress),
            (None, None) => Beginning::NoModel,
            (None, Some(_)) => Beginning::Ready,
        }
    }
}

/// What will be seen, and three ways to begin.
pub fn empty_ui(ui: &mut Ui, beginning: &Beginning<'_>, actions: &mut Vec<Action>) {
    let palette = palette(ui);
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() * 0.26).max(30.0));
        ui.label(RichText::new("Watch text emerge from masked blocks").size(25.0));
        ui.add_space(4.0);
        let words = "Block by block, from left to right: all words of a block begin hidden, and \
                     open one after the other while the model makes up its mind.";
        ui.scope(|ui| {
            ui.set_max_width(470.0);
            ui.label(RichText::new(words).color(palette.quiet).size(15.0));
        });
        ui.add_space(18.0);
        match beginning {
            Beginning::Busy(progress) => {
                let words = progress.what.clone();
                let bar = egui::ProgressBar::new(progress.part.unwrap_or(0.0)).text(words);
                ui.add(bar.desired_width(320.0));
            }
            Beginning::NoModel => {
                if ui.button("Choose a model").clicked() {
                    actions.push(Action::Sheet(Sheet::Model));
                }
            }
            Beginning::Ready => {
                let width = 3.0 * 172.0;
                let left = (ui.available_width() - width) / 2.0;
                ui.horizontal(|ui| {
                    ui.add_space(left.max(0.0));
                    for example in EXAMPLES {
                        let chip = Button::new(format!("{example} …")).corner_radius(14);
                        if ui.add(chip.min_size(vec2(164.0, 30.0))).clicked() {
                            actions.push(Action::Edit(Edit::Prompt(example.into())));
                            actions.push(Action::Generate);
                        }
                    }
                });
                ui.add_space(14.0);
                let tour = Button::new("Take the tour: four steps").frame(false);
                if ui.add(tour).clicked() {
                    actions.push(Action::Tour(Some(TourStep::Masked)));
                }
                let train = Button::new("Train a model of your own").frame(false);
                if ui.add(train).clicked() {
                    actions.push(Action::Train(TrainAction::Show));
                }
            }
        }
    });
}
