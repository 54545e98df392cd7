//! The bar above a run of training.

use egui::{Button, RichText, Role, Ui, WidgetInfo};

use crate::state::{
    Action, ChatAction, Edit, State, ThemeChoice, TrainAction, TrainStage, Training, View,
};
use crate::views::theme::primary;

/// What the bar shows.
pub struct TrainBar<'a> {
    run: &'a Training,
    /// Why no run can begin.
    wants: Option<String>,
    can_chat: bool,
    theme: ThemeChoice,
}

impl TrainBar<'_> {
    /// What is shown of the state.
    pub fn of(state: &State) -> TrainBar<'_> {
        let State { training, models, prefs, .. } = state;
        let model = models.loaded.as_ref().map(|model| model.name.as_str());
        let can_chat = models.loaded.as_ref().is_some_and(|model| model.chat.is_some());
        let wants = prefs.train.wants(model);
        TrainBar { run: training, wants, can_chat, theme: prefs.theme }
    }
}

/// The bar. The keyboard goes from left to right.
pub fn train_bar_ui(ui: &mut Ui, bar: &TrainBar<'_>, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        let views =
            [("Text view", View::Text, true), ("Conversation", View::Conversation, bar.can_chat)];
        for (words, view, _) in views.into_iter().filter(|(.., is_offered)| *is_offered) {
            if ui.add(Button::new(words)).clicked() {
                actions.push(Action::Chat(ChatAction::View(view)));
            }
        }
        ui.add_space(6.0);
        ui.label(RichText::new("Training").strong().size(15.0));
        ui.add_space(10.0);
        run_ui(ui, bar, actions);
        ui.add_space((ui.available_width() - 22.0).max(0.0));
        let theme = bar.theme;
        let response = ui.add(Button::new("◑").frame(false));
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, theme.name()));
        if response.on_hover_text(theme.name()).clicked() {
            actions.push(Action::Edit(Edit::Theme(theme.next())));
        }
    });
}

fn run_ui(ui: &mut Ui, bar: &TrainBar<'_>, actions: &mut Vec<Action>) {
    let mut button = |ui: &mut Ui, words: &str, is_on: bool, hint: &str, action: TrainAction| {
        if ui.add_enabled(is_on, Button::new(words)).on_hover_text(hint).clicked() {
            actions.push(Action::Train(action));
        }
    };
    if bar.run.is_live() {
        let stage = &bar.run.stage;
        let stop = match bar.run.start {
            Some(_) => "End after this step, and save: the run can be resumed",
            None => "End before the first step; what was read is read again next time",
        };
        match stage {
            TrainStage::Paused | TrainStage::Pausing => {
                button(ui, "▶ Go on", true, "Go on with the next step", TrainAction::GoOn);
            }
            _ => {
                let can_pause = *stage == TrainStage::Running;
                let hint = "Wait after this step; memory stays taken";
                button(ui, "⏸ Pause", can_pause, hint, TrainAction::Pause);
            }
        }
        button(ui, "⏹ Stop", *stage != TrainStage::Stopping, stop, TrainAction::Stop);
        return;
    }
    let can_begin = bar.wants.is_none();
    if bar.run.has_model() {
        let hint = "Load the model of the last save";
        button(ui, "Open as model", true, hint, TrainAction::OpenModel);
        let resumes = matches!(bar.run.stage, TrainStage::Stopped | TrainStage::Failed);
        if resumes {
            let hint = "Go on from the last save, with the same settings";
            button(ui, "Resume", can_begin, hint, TrainAction::Begin { resumes: true });
        }
    }
    // On the accent only where it can be pressed: its words could not be read there.
    let words = "▶ Train";
    let train = if can_begin { primary(ui, words) } else { Button::new(words) };
    let response = ui.add_enabled(can_begin, train.corner_radius(6));
    let why = bar.wants.clone().unwrap_or_default();
    if response.on_disabled_hover_text(why).clicked() {
        actions.push(Action::Train(TrainAction::Begin { resumes: false }));
    }
}
