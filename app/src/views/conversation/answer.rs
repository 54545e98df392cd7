//! An answer: its thought, its text, the block that is being denoised, and what it has cost.

use egui::{Button, Label, RichText, Ui};

use crate::state::{Action, Answer, AnswerStage, ChatAction, Preferences, Thought, Turn};
use crate::views::block::{BlockView, whole};
use crate::views::conversation::marked::{Found, marked_ui};
use crate::views::theme::{LINE_HEIGHT, TEXT_SIZE, palette};

/// Seconds that an opened cell glows.
const GLOW_SECS: f64 = 0.25;

/// An answer, and how it is shown.
pub struct AnswerView<'a> {
    /// The turn that it is of.
    pub turn: &'a Turn,
    /// The turn's index.
    pub index: usize,
    /// Words of it that were looked for.
    pub found: Option<Found<'a>>,
    /// Colours, motion, and whether thoughts are shown.
    pub prefs: &'a Preferences,
}

/// The answer.
pub fn answer_ui(ui: &mut Ui, view: &AnswerView<'_>, actions: &mut Vec<Action>) {
    let answer = &view.turn.answer;
    let text = answer.text();
    let thought = Thought::of(&text);
    let is_unfolded = view.turn.unfolded.unwrap_or(view.prefs.chat.show_thoughts);
    if let Some(thought) = &thought {
        thought_ui(
            ui,
            view,
            (&text[thought.thought.clone()], thought.answer),
            is_unfolded,
            actions,
        );
    }
    let finished = answer.finished();
    if answer.stage == AnswerStage::Live {
        live_ui(ui, view, Thought::behind(&text));
    } else if !finished.is_empty() {
        text_ui(ui, &finished, view.found);
    }
    below_ui(ui, view, actions);
}

/// Text that is finished, in the lines of the block view.
fn text_ui(ui: &mut Ui, text: &str, found: Option<Found<'_>>) {
    let words = RichText::new(whole(text)).size(TEXT_SIZE).line_height(Some(LINE_HEIGHT));
    marked_ui(ui, words.color(palette(ui).text), found);
    // As much as the block view leaves below: nothing jumps when an answer ends.
    ui.add_space(4.0);
}

/// The block view of what is shown of an answer that is being written: what comes behind so many bytes.
fn live_ui(ui: &mut Ui, view: &AnswerView<'_>, shown_from: usize) {
    let Answer { recording, shown_at, .. } = &view.turn.answer;
    if recording.moments().is_empty() {
        let words = match recording.events().is_empty() {
            true => "Compiling GPU kernels (first run) …",
            false => "Reading the conversation …",
        };
        ui.label(RichText::new(words).size(TEXT_SIZE).color(palette(ui).quiet));
        return;
    }
    let moment = view.turn.answer.moment();
    let age = ui.input(|i| i.time) - shown_at;
    let mut glow = 0.0;
    if !view.prefs.is_still() && age < GLOW_SECS {
        ui.ctx().request_repaint();
        glow = (1.0 - age / GLOW_SECS) as f32;
    }
    BlockView::new(recording, moment)
        .color_by(view.prefs.color_by)
        .scale(view.prefs.scale)
        .glow(glow)
        .without(recording.prefix(moment).len() + shown_from)
        .id_salt(("answer", view.index))
        .show(ui);
}

/// The thought, folded or not.
fn thought_ui(
    ui: &mut Ui,
    view: &AnswerView<'_>,
    (thought, behind): (&str, Option<usize>),
    is_unfolded: bool,
    actions: &mut Vec<Action>,
) {
    let palette = palette(ui);
    let is_thinking = behind.is_none() && view.turn.answer.stage == AnswerStage::Live;
    let words = match (thought.split_whitespace().count(), is_thinking) {
        (n, true) => format!("Thinking … {n} words"),
        (0, false) => "An empty thought".into(),
        (1, false) => "Thought of 1 word".into(),
        (n, false) => format!("Thought of {n} words"),
    };
    let mark = if is_unfolded { "⏷" } else { "⏵" };
    let words = RichText::new(format!("{mark} {words}")).color(palette.quiet);
    let hint = if is_unfolded { "Fold the thought" } else { "Show the thought" };
    if ui.add(Button::new(words).frame(false)).on_hover_text(hint).clicked() {
        actions.push(Action::Chat(ChatAction::Unfold(view.index, !is_unfolded)));
    }
    if is_unfolded && !thought.is_empty() {
        ui.indent(("thought", view.index), |ui| {
            ui.add(Label::new(RichText::new(whole(thought)).color(palette.quiet)).wrap());
        });
        ui.add_space(4.0);
    }
}

/// What it has cost, and what can be done with it.
fn below_ui(ui: &mut Ui, view: &AnswerView<'_>, actions: &mut Vec<Action>) {
    let answer = &view.turn.answer;
    let quiet = palette(ui).quiet;
    ui.horizontal_wrapped(|ui| {
        let cost = answer.cost().filter(|cost| cost.tokens > 0).map(|cost| cost.words());
        let stopped = (answer.stage == AnswerStage::Stopped).then(|| "stopped".to_string());
        let words: Vec<String> = stopped.into_iter().chain(cost).collect();
        if !words.is_empty() {
            let hint = "Tokens of the answer, seconds of computing, and tokens that open for each run \
                        of the network; the prompt's runs count too";
            ui.label(RichText::new(words.join(" · ")).small().color(quiet)).on_hover_text(hint);
        }
        if answer.stage == AnswerStage::Live {
            return;
        }
        let small = |words: &str| Button::new(RichText::new(words).small());
        if ui.add(small("Copy answer")).clicked() {
            actions.push(Action::Chat(ChatAction::Copy(view.index)));
        }
        let hint = match view.turn.answer.has_steps() {
            true => "Go through the steps of this answer in the text view, with timeline and inspector",
            false => "Show this answer in the text view; its steps were not kept when the app was closed",
        };
        if ui.add(small("Look inside")).on_hover_text(hint).clicked() {
            actions.push(Action::Chat(ChatAction::LookInside(view.index)));
        }
    });
}
