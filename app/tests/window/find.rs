//! Finding words in the text and in a conversation.

use bdlm::event::Event;
use bdlm_app::Recording;
use bdlm_app::state::Sheet;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};

use crate::conversation::{chatting, say};
use crate::script::{Trouble, recorded};
use crate::{Window, app, click, replay, state};

/// What a name of a node begins with.
const MATCH: &str = "Match: ";
const CURRENT: &str = "Current match: ";

/// Opens the field with the keys, and types.
fn find(window: &mut Window, words: &str) {
    window.key_press_modifiers(Modifiers::COMMAND, Key::F);
    window.run_steps(3);
    assert!(window.get_by_label("Find in the text").is_focused());
    window.get_by_label("Find in the text").type_text(words);
    window.run_steps(8);
}

fn press(window: &mut Window, modifiers: Modifiers, key: Key) {
    window.key_press_modifiers(modifiers, key);
    window.run_steps(3);
}

/// The names of what is marked, the current match apart; and of that one.
fn marked(window: &Window) -> (Vec<String>, Option<String>) {
    let names = |start: &str| -> Vec<String> {
        // The words of a label are its value.
        let labels = window.root().children_recursive().filter_map(|n| n.accesskit_node().value());
        labels.filter_map(|label| label.strip_prefix(start).map(String::from)).collect()
    };
    (names(MATCH), names(CURRENT).into_iter().next())
}

#[test]
fn words_are_found_in_prompt_and_text_one_after_the_other() {
    let mut window = replay();
    find(&mut window, "THE");
    // "The king", "There was", "the room".
    window.get_by_label("1 of 3");
    let (others, current) = marked(&window);
    assert_eq!(current.as_deref(), Some("The"));
    assert_eq!(others, ["The", "the"]);
    for (modifiers, count) in [
        (Modifiers::NONE, "2 of 3"),
        (Modifiers::NONE, "3 of 3"),
        (Modifiers::NONE, "1 of 3"),
        (Modifiers::SHIFT, "3 of 3"),
        (Modifiers::SHIFT, "2 of 3"),
    ] {
        press(&mut window, modifiers, Key::Enter);
        window.get_by_label(count);
        assert!(window.get_by_label("Find in the text").is_focused(), "it keeps the focus");
    }
    click(&mut window, "Next match");
    window.get_by_label("3 of 3");
    assert_eq!(marked(&window).1.as_deref(), Some("the"));
    click(&mut window, "Previous match");
    window.get_by_label("2 of 3");
    // Earlier in the run there is less text.
    state(&mut window).panes[0].show(0, 0.0);
    window.run_steps(3);
    window.get_by_label("1 of 1");
}

#[test]
fn what_is_not_there_says_so_and_escape_closes_the_search() {
    let mut window = replay();
    find(&mut window, "elephant");
    window.get_by_label("no match");
    assert_eq!(marked(&window), (Vec::new(), None));
    press(&mut window, Modifiers::NONE, Key::Enter);
    window.get_by_label("no match");
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert!(window.query_by_label("Find in the text").is_none());
    assert_eq!(state(&mut window).find, None);
    // What is open beside the text stays until the next Escape.
    click(&mut window, "Settings");
    find(&mut window, "king");
    window.get_by_label("1 of 1");
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert_eq!(state(&mut window).find, None);
    assert_eq!(state(&mut window).sheet, Sheet::Settings);
    find(&mut window, "king");
    click(&mut window, "Close the search");
    assert_eq!(marked(&window), (Vec::new(), None));
}

#[test]
fn the_text_moves_to_a_match_that_is_out_of_sight() {
    let mut window = replay();
    let long = |mut event: Event| {
        if let Event::Start(start) = &mut event {
            let line = |i: usize| format!("Line {i} of a prompt.\n");
            start.text = Some((0..80).map(line).collect());
        }
        event
    };
    app(&mut window).open(Recording::of(recorded().into_iter().map(long)));
    window.run_steps(30);
    let top = |window: &Window| window.get_by_label_contains("Text: Line 0").rect().top();
    // Nothing out of sight is marked, so what is marked is seen.
    find(&mut window, "line 3 of");
    let at_the_beginning = top(&window);
    assert_eq!(marked(&window).1.as_deref(), Some("Line 3 of"));
    find_other(&mut window, "dots");
    assert_eq!(marked(&window).1.as_deref(), Some("dots"));
    assert!(top(&window) < at_the_beginning - 500.0, "{} points", top(&window));
    find_other(&mut window, "line 79");
    assert_eq!(marked(&window).1.as_deref(), Some("Line 79"));
    find_other(&mut window, "line 1 of");
    assert_eq!(top(&window), at_the_beginning);
}

/// Types over what was typed before.
fn find_other(window: &mut Window, words: &str) {
    press(window, Modifiers::COMMAND, Key::A);
    window.get_by_label("Find in the text").type_text(words);
    window.run_steps(8);
}

#[test]
fn words_are_found_in_what_was_said_and_answered_but_not_in_thoughts() {
    let thoughtful = "<think>\nblue blue </think>\n\nBecause air scatters blue.";
    let (mut window, _) = chatting(Trouble::None, &[thoughtful, "Blue it is, all of it."]);
    say(&mut window, "Why is the sky blue?");
    say(&mut window, "Sure?");
    find(&mut window, "blue");
    window.get_by_label("1 of 3");
    let (others, current) = marked(&window);
    assert_eq!(current.as_deref(), Some("blue"));
    assert_eq!(others, ["blue", "Blue"]);
    press(&mut window, Modifiers::SHIFT, Key::Enter);
    window.get_by_label("3 of 3");
    assert_eq!(marked(&window).1.as_deref(), Some("Blue"));
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert_eq!(marked(&window), (Vec::new(), None));
    window.get_by_label("Because air scatters blue.");
}

#[test]
fn the_keys_are_listed_in_the_help() {
    let mut window = replay();
    click(&mut window, "Help: tour, keys, marks");
    window.get_by_label("Ctrl+F");
}
