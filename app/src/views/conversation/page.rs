//! The turns of a conversation, or what is shown before there is one.

use egui::{Button, Frame, Margin, Rect, RichText, ScrollArea, Ui, UiBuilder, vec2};

use crate::state::{
    Action, ChatAction, ChatEdit, Conversation, Marks, Models, Preferences, Sheet, State,
};
use crate::views::block::BlockView;
use crate::views::conversation::answer::{AnswerView, answer_ui};
use crate::views::conversation::bar::last_part;
use crate::views::conversation::marked::{Found, marked_ui};
use crate::views::theme::{TEXT_SIZE, palette};

/// Around the turns.
const MARGIN: f32 = 26.0;
/// Messages to begin with.
const EXAMPLES: [&str; 3] =
    ["Why is the sky blue?", "Tell me a story about a fox.", "What is a good breakfast?"];

/// What the page shows.
pub struct ChatPage<'a> {
    conversation: &'a Conversation,
    prefs: &'a Preferences,
    models: &'a Models,
    /// Matches in what was said and answered, in turns, and when one was chosen.
    marks: &'a [Marks],
    chosen_at: f64,
}

impl<'a> ChatPage<'a> {
    /// What is shown of the state, and of the words that are looked for.
    pub fn of(state: &'a State, marks: &'a [Marks]) -> ChatPage<'a> {
        let State { conversation, prefs, models, .. } = state;
        let chosen_at = state.find.as_ref().map_or(0.0, |find| find.chosen_at);
        ChatPage { conversation, prefs, models, marks, chosen_at }
    }

    fn found(&self, text: usize) -> Option<Found<'a>> {
        let marks = self.marks.get(text)?;
        Some(Found { marks, chosen_at: self.chosen_at, is_still: self.prefs.is_still() })
    }
}

/// The page.
pub fn chat_page_ui(ui: &mut Ui, page: &ChatPage<'_>, actions: &mut Vec<Action>) {
    if page.conversation.turns.is_empty() {
        return empty_ui(ui, page, actions);
    }
    // What is written last is seen, unless the user has scrolled up.
    let area = ScrollArea::vertical().id_salt("turns").auto_shrink(false).stick_to_bottom(true);
    area.show(ui, |ui| {
        let column = BlockView::width(ui, ui.available_width() - 2.0 * MARGIN);
        let beside = ((ui.available_width() - column) / 2.0).max(MARGIN);
        let corner = ui.cursor().min + vec2(beside, 18.0);
        let rect = Rect::from_min_size(corner, vec2(column, ui.available_height()));
        ui.scope_builder(UiBuilder::new().max_rect(rect), |ui| {
            ui.set_max_width(column);
            for (index, turn) in page.conversation.turns.iter().enumerate() {
                said_ui(ui, &turn.said, page.found(2 * index));
                ui.add_space(8.0);
                let found = page.found(2 * index + 1);
                let view = AnswerView { turn, index, found, prefs: page.prefs };
                answer_ui(ui, &view, actions);
                ui.add_space(18.0);
            }
            ui.add_space(18.0);
        });
    });
}

/// What the user said, at the right, on ground of its own.
fn said_ui(ui: &mut Ui, said: &str, found: Option<Found<'_>>) {
    let palette = palette(ui);
    let room = ui.available_width();
    let most = (room * 0.82).min(room - 24.0).max(80.0);
    let text = RichText::new(said).size(TEXT_SIZE).color(palette.text);
    let galley = egui::WidgetText::from(text.clone()).into_galley(
        ui,
        Some(egui::TextWrapMode::Wrap),
        most,
        egui::TextStyle::Body,
    );
    let indent = (room - galley.size().x - 24.0).max(0.0);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        ui.add_space(indent);
        let bubble = Frame::new().fill(palette.masked).corner_radius(10);
        bubble.inner_margin(Margin::symmetric(12, 8)).show(ui, |ui| {
            ui.set_max_width(galley.size().x + 1.0);
            marked_ui(ui, text, found);
        });
    });
}

/// Who is there to talk with, and three ways to begin.
fn empty_ui(ui: &mut Ui, page: &ChatPage<'_>, actions: &mut Vec<Action>) {
    let palette = palette(ui);
    let Models { loaded, busy, .. } = page.models;
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() * 0.24).max(20.0));
        let heading = match loaded {
            Some(loaded) => format!("Talk with {}", last_part(&loaded.name)),
            None => "A conversation with a model".into(),
        };
        ui.label(RichText::new(heading).size(25.0));
        ui.add_space(4.0);
        let is_in_blocks = loaded.as_ref().is_some_and(|model| model.block_size.is_some());
        let words = match is_in_blocks {
            true => {
                "It answers block by block: all words of a block begin hidden, and open one after \
                 the other while the model makes up its mind."
            }
            false => "It answers token by token, each with the probability that the model gave it.",
        };
        ui.scope(|ui| {
            ui.set_max_width(470.0);
            ui.label(RichText::new(words).color(palette.quiet).size(15.0));
        });
        ui.add_space(18.0);
        if let Some(busy) = busy {
            let bar = egui::ProgressBar::new(busy.part.unwrap_or(0.0)).text(busy.what.clone());
            ui.add(bar.desired_width(320.0));
        } else if loaded.as_ref().is_none_or(|model| model.chat.is_none()) {
            if ui.button("Choose a model for conversations").clicked() {
                actions.push(Action::Sheet(Sheet::Model));
            }
        } else {
            examples_ui(ui, actions);
        }
    });
}

fn examples_ui(ui: &mut Ui, actions: &mut Vec<Action>) {
    for example in EXAMPLES {
        let chip = Button::new(example).corner_radius(14).min_size(vec2(240.0, 30.0));
        if ui.add(chip).clicked() {
            actions.push(Action::Chat(ChatAction::Edit(ChatEdit::Message(example.into()))));
            actions.push(Action::Chat(ChatAction::Say));
        }
    }
}
