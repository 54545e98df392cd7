//! The field that finds words in the text.

use egui::text::{CCursor, CCursorRange};
use egui::{Button, Id, Key, Label, Modifiers, RichText, Role, TextEdit, Ui, WidgetInfo, vec2};

use crate::state::{Action, Find, FindAction, Marks, State};
use crate::views::numbers::grouped;
use crate::views::theme::palette;

/// Widths of the field, of the words behind it and of a button, in points.
const FIELD: f32 = 220.0;
const COUNT: f32 = 84.0;
const BUTTON: f32 = 24.0;
/// Seconds in which the text moves to a match.
const SEEK_SECS: f64 = 0.3;

/// The field, and what it has found.
pub struct FindBar<'a> {
    find: Option<&'a Find>,
    /// Number of the match that is shown, from 1; and how many there are.
    place: [usize; 2],
}

impl FindBar<'_> {
    /// What is shown of the state; `marks` are the matches in the texts of the view.
    pub fn of<'a>(state: &'a State, marks: &[Marks]) -> FindBar<'a> {
        let before = marks.iter().take_while(|marks| marks.current.is_none());
        let before: usize = before.map(|marks| marks.found.len()).sum();
        let current = marks.iter().find_map(|marks| marks.current);
        let count = marks.iter().map(|marks| marks.found.len()).sum();
        FindBar {
            find: state.find.as_ref(),
            place: [current.map_or(0, |at| before + at + 1), count],
        }
    }
}

/// True if the text should move to a match that was chosen at this time.
pub fn is_sought(ui: &Ui, chosen_at: f64) -> bool {
    ui.input(|i| i.time) - chosen_at < SEEK_SECS
}

fn field() -> Id {
    Id::unique("find")
}

/// Ctrl+F shows the field, Escape takes it away.
pub fn find_keys(ui: &Ui, state: &State, actions: &mut Vec<Action>) {
    let pressed = |modifiers, key| ui.input_mut(|i| i.consume_key(modifiers, key));
    if pressed(Modifiers::COMMAND, Key::F) {
        ui.memory_mut(|memory| memory.request_focus(field()));
        actions.push(Action::Find(FindAction::Open));
    }
    if state.find.is_some() && pressed(Modifiers::NONE, Key::Escape) {
        actions.push(Action::Find(FindAction::Close));
    }
}

/// The field, in a bar of its own: it covers no match.
pub fn find_ui(ui: &mut Ui, bar: &FindBar<'_>, actions: &mut Vec<Action>) {
    let Some(find) = bar.find else { return };
    ui.horizontal(|ui| {
        let buttons = COUNT + 3.0 * (BUTTON + ui.spacing().item_spacing.x);
        field_ui(ui, find, (ui.available_width() - buttons - 30.0).clamp(60.0, FIELD), actions);
        count_ui(ui, find, bar.place);
        buttons_ui(ui, bar.place[1] > 0, actions);
    });
}

/// The match before, the next one, and the end of it.
fn buttons_ui(ui: &mut Ui, has_any: bool, actions: &mut Vec<Action>) {
    for (glyph, label, key, action, is_on) in [
        ("⏶", "Previous match", "Shift+Enter", FindAction::Previous, has_any),
        ("⏷", "Next match", "Enter", FindAction::Next, has_any),
        ("🗙", "Close the search", "Escape", FindAction::Close, true),
    ] {
        let button = Button::new(glyph).frame(false).min_size(vec2(BUTTON, BUTTON));
        let response = ui.add_enabled(is_on, button);
        response.widget_info(|| WidgetInfo::labeled(Role::Button, is_on, label));
        if response.on_hover_text(format!("{label} ({key})")).clicked() {
            actions.push(Action::Find(action));
        }
    }
}

fn field_ui(ui: &mut Ui, find: &Find, width: f32, actions: &mut Vec<Action>) {
    // Before the field is drawn: it would give up the focus.
    if ui.memory(|memory| memory.has_focus(field())) {
        let pressed = |modifiers| ui.input_mut(|i| i.consume_key(modifiers, Key::Enter));
        if pressed(Modifiers::SHIFT) {
            actions.push(Action::Find(FindAction::Previous));
        } else if pressed(Modifiers::NONE) {
            actions.push(Action::Find(FindAction::Next));
        }
    }
    let mut words = find.words.clone();
    let edit = TextEdit::singleline(&mut words).id(field()).desired_width(width);
    let response = ui.add(edit.hint_text("Find"));
    response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Find in the text"));
    if response.gained_focus()
        && let Some(mut state) = TextEdit::load_state(ui.ctx(), field())
    {
        let all = CCursorRange::two(CCursor::default(), CCursor::end_of_str(&words));
        state.cursor.set_char_range(Some(all));
        TextEdit::store_state(ui.ctx(), field(), state);
    }
    if response.changed() {
        actions.push(Action::Find(FindAction::Type(words)));
    }
}

/// Which match, of how many; as wide whatever it says.
fn count_ui(ui: &mut Ui, find: &Find, [current, count]: [usize; 2]) {
    let words = match count {
        _ if find.words.is_empty() => String::new(),
        0 => "no match".into(),
        count => format!("{} of {}", grouped(current), grouped(count)),
    };
    let label = Label::new(RichText::new(words).small().color(palette(ui).quiet));
    ui.add_sized(vec2(COUNT, 20.0), label.truncate());
}
