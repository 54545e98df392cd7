//! The sheet with the history: every run that was made, the newest first.

use egui::{Align, Button, Layout, RichText, Role, Sense, TextEdit, Ui, WidgetInfo};

use crate::state::{Action, History, Kept, MAX_RUNS, RunAction, State};
use crate::system::since_1970;
use crate::views::theme::{note, palette};

/// What the sheet shows.
pub struct Runs<'a> {
    history: &'a History,
    /// Runs in the panes.
    shown: [Option<u64>; 2],
    now_secs: u64,
}

impl Runs<'_> {
    /// What is shown of the state.
    pub fn of(state: &State) -> Runs<'_> {
        let kept = |pane: usize| state.panes.get(pane).and_then(|pane| pane.kept);
        Runs {
            history: &state.history,
            shown: [kept(0), kept(1)],
            now_secs: since_1970().as_secs(),
        }
    }
}

/// All runs, and what can be done with each.
pub fn history_ui(ui: &mut Ui, runs: &Runs<'_>, actions: &mut Vec<Action>) {
    let history = runs.history;
    ui.label(RichText::new("History").strong());
    ui.separator();
    if history.runs().is_empty() {
        note(ui, "Every run, branch and restarted run will be here.");
    }
    if let Some(deleted) = history.deleted() {
        ui.horizontal(|ui| {
            ui.add(egui::Label::new(format!("Deleted “{}”", deleted.title())).truncate());
        });
        if ui.button("Bring it back").clicked() {
            actions.push(Action::Run(RunAction::Undelete));
        }
        ui.add_space(4.0);
    }
    for (i, run) in history.runs().iter().enumerate().rev() {
        ui.push_id(run.id, |ui| run_ui(ui, runs, (i + 1, run), actions));
    }
    ui.add_space(6.0);
    let place = match history.is_stored {
        true => "at most 1 GB on disk; beyond that the oldest lose their candidates first",
        false => "until the window closes: they are not on disk",
    };
    note(
        ui,
        &format!("The last {MAX_RUNS} runs are kept, {place}. Pinned runs are never dropped."),
    );
}

fn run_ui(ui: &mut Ui, runs: &Runs<'_>, (number, run): (usize, &Kept), actions: &mut Vec<Action>) {
    let palette = palette(ui);
    let is_shown = runs.shown.contains(&Some(run.id));
    let fill = if is_shown { palette.accent.gamma_multiply(0.16) } else { palette.page };
    let frame = egui::Frame::new().fill(fill).corner_radius(6).inner_margin(8);
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 3.0;
        match &runs.history.renaming {
            Some((id, typed)) if *id == run.id => rename_ui(ui, run.id, typed, actions),
            _ => title_ui(ui, (number, run), actions),
        }
        let mut words = match run.origin.model.is_empty() {
            true => "opened from a file".to_string(),
            false => run.origin.settings.summary(),
        };
        if run.n_steered > 0 {
            words += &format!(" · steered ×{}", run.n_steered);
        }
        if run.origin.parent.is_some() {
            words = format!("branch · {words}");
        }
        let quiet = RichText::new(&words).small().color(palette.quiet);
        ui.add(egui::Label::new(quiet).truncate()).on_hover_text(&words);
        ui.horizontal(|ui| buttons_ui(ui, runs, (number, run), actions));
    });
}

fn title_ui(ui: &mut Ui, (number, run): (usize, &Kept), actions: &mut Vec<Action>) {
    let text = RichText::new(run.title()).strong();
    let response = ui.add(egui::Label::new(text).truncate().sense(Sense::click()));
    let label = format!("Show run {number}: {}", run.title());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
    if response.on_hover_text("Show this run").clicked() {
        actions.push(Action::Run(RunAction::Show(run.id)));
    }
}

fn rename_ui(ui: &mut Ui, id: u64, typed: &str, actions: &mut Vec<Action>) {
    let mut name = typed.to_string();
    let response = ui.add(TextEdit::singleline(&mut name).desired_width(f32::INFINITY));
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Name of the run"));
    if response.lost_focus() {
        actions.push(Action::Run(RunAction::Rename(id, name)));
    } else if response.changed() {
        actions.push(Action::Run(RunAction::Type(id, name)));
    } else if !response.has_focus() {
        response.request_focus();
    }
}

fn buttons_ui(
    ui: &mut Ui,
    runs: &Runs<'_>,
    (number, run): (usize, &Kept),
    actions: &mut Vec<Action>,
) {
    let age = age(runs.now_secs.saturating_sub(run.begun_secs));
    ui.label(RichText::new(age).small().color(palette(ui).quiet));
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = 9.0;
        let pin = if run.is_pinned { "Unpin" } else { "Pin" };
        let id = run.id;
        for (words, hint, action) in [
            ("Delete", "Delete this run; it can be brought back", RunAction::Delete(id)),
            ("Rename", "Give this run a name", RunAction::Type(id, run.name.clone())),
            (pin, "A pinned run is never dropped", RunAction::Pin(id, !run.is_pinned)),
            ("Compare", "Show it beside the run that is shown", RunAction::Compare(id)),
        ] {
            let small = RichText::new(words).small();
            let response = ui.add(Button::new(small).frame(false));
            let label = format!("{words} run {number}");
            response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
            if response.on_hover_text(hint).clicked() {
                actions.push(Action::Run(action));
            }
        }
    });
}

/// How long ago something was, in words.
fn age(secs: u64) -> String {
    match secs {
        0..60 => "just now".into(),
        60..3600 => format!("{} min ago", secs / 60),
        3600..86_400 => format!("{} h ago", secs / 3600),
        86_400..172_800 => "yesterday".into(),
        _ => format!("{} days ago", secs / 86_400),
    }
}
