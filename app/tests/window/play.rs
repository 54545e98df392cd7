//! Playing, pausing, stepping, scrubbing, comparing, and the keyboard.

use bdlm_app::state::{Speed, Stage, State};
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use crate::script::{Script, Trouble, recorded};
use crate::{
    Painter, Window, click, moments, position, preferences, replay, state, wait, window, window_of,
};

#[test]
fn a_recorded_run_is_stepped_through_and_played() {
    let mut window = replay();
    let last = moments(&mut window) - 1;
    assert_eq!(position(&mut window), last);
    click(&mut window, "First step");
    assert_eq!(position(&mut window), 0);
    click(&mut window, "Step on");
    click(&mut window, "Step on");
    click(&mut window, "Step back");
    assert_eq!(position(&mut window), 1);
    state(&mut window).prefs.speed = Speed::Fourfold;
    window.get_by_label("Play").click();
    window.run_steps(8);
    let halfway = position(&mut window);
    assert!(halfway > 1 && halfway < last, "{halfway} of {last}");
    click(&mut window, "Pause");
    let paused = position(&mut window);
    window.run_steps(20);
    assert_eq!(position(&mut window), paused);
    click(&mut window, "Newest step");
    assert_eq!(position(&mut window), last);
    // At the end, playing begins at the beginning.
    window.get_by_label("Play").click();
    window.run_steps(2);
    assert!(position(&mut window) < 3);
    wait(&mut window, |state| !state.playing);
    assert_eq!(position(&mut window), last);
}

#[test]
fn dragging_along_the_timeline_scrubs() {
    let mut window = replay();
    let strip = window.get_by_label("Timeline").rect();
    window.drag_at(strip.left_center() + egui::vec2(2.0, 0.0));
    window.run_steps(2);
    assert_eq!(position(&mut window), 0);
    window.hover_at(strip.center());
    window.run_steps(2);
    let middle = moments(&mut window) / 2;
    assert!(position(&mut window).abs_diff(middle) <= 1, "{} of {middle}", position(&mut window));
    window.hover_at(strip.right_center() - egui::vec2(2.0, 0.0));
    window.run_steps(2);
    window.drop_at(strip.right_center() - egui::vec2(2.0, 0.0));
    window.run_steps(2);
    assert_eq!(position(&mut window), moments(&mut window) - 1);
}

#[test]
fn a_run_is_begun_watched_and_ends_with_the_engines_text() {
    let (mut window, watched) = window(Trouble::None);
    wait(&mut window, |state| state.models.loaded.is_some());
    window.get_by_label("Prompt").focus();
    window.run_steps(2);
    window.get_by_label("Prompt").type_text("The king");
    window.run_steps(2);
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.pane().stage == Stage::Over);
    assert_eq!(state(&mut window).pane().recording.events().len(), recorded().len());
    let requests = watched.requests.lock().unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].prompt, bdlm::sample::Prompt::Text("The king".into()));
    assert!(matches!(requests[0].watch, bdlm::sample::Watch::Steps { candidates: 8 }));
}

#[test]
fn steps_are_drawn_from_the_engine_only_as_they_are_shown() {
    let (mut window, _) = window(Trouble::None);
    wait(&mut window, |state| state.models.loaded.is_some());
    state(&mut window).prefs.speed = Speed::Quarter;
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| !state.pane().recording.moments().is_empty());
    click(&mut window, "Pause");
    let shown = moments(&mut window);
    window.run_steps(60);
    assert_eq!(moments(&mut window), shown, "a paused engine goes on");
    window.get_by_label("Step on").click();
    wait(&mut window, move |state| state.pane().recording.moments().len() > shown);
    window.run_steps(30);
    assert_eq!(moments(&mut window), shown + 1);
    assert_eq!(position(&mut window), shown);
    click(&mut window, "⏹ Stop");
    assert_eq!(moments(&mut window), shown + 1, "what was written stays");
    assert!(state(&mut window).can_generate());
}

#[test]
fn everything_can_be_done_with_the_keyboard_alone() {
    let (mut window, _) = window(Trouble::None);
    wait(&mut window, |state| state.models.loaded.is_some());
    window.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    wait(&mut window, |state| state.pane().stage == Stage::Over);
    let last = moments(&mut window) - 1;
    let mut press = |key: Key| {
        window.key_press(key);
        window.run_steps(2);
        position(&mut window)
    };
    assert_eq!(press(Key::Home), 0);
    assert_eq!(press(Key::ArrowRight), 1);
    assert_eq!(press(Key::ArrowRight), 2);
    assert_eq!(press(Key::ArrowLeft), 1);
    assert_eq!(press(Key::End), last);
    press(Key::Home);
    window.key_press(Key::Space);
    window.step();
    assert!(state(&mut window).playing);
    wait(&mut window, |state| !state.playing);
    window.key_press(Key::ArrowDown);
    window.run_steps(2);
    assert_eq!(state(&mut window).prefs.speed, Speed::Fourfold);
}

/// Presses Tab until what has such a label has the focus.
fn tab_to(window: &mut Window, label: &str) {
    for _ in 0..60 {
        window.key_press(Key::Tab);
        window.run_steps(2);
        if window.query_all_by_label_contains(label).any(|node| node.is_focused()) {
            return;
        }
    }
    panic!("{label} cannot be reached");
}

#[test]
fn blocks_and_cells_are_reached_by_tab_and_left_by_escape() {
    let mut window = replay();
    tab_to(&mut window, "Block ");
    window.key_press(Key::Enter);
    window.run_steps(2);
    window.get_by_label_contains("A finished block does not change");
    for _ in 0..3 {
        window.key_press(Key::Escape);
        window.run_steps(2);
    }
    assert!(!window.query_all_by_label_contains("Block ").any(|node| node.is_focused()));
    window.key_press(Key::Home);
    window.run_steps(2);
    assert_eq!(position(&mut window), 0);
    tab_to(&mut window, "Cell ");
    window.key_press(Key::Enter);
    window.run_steps(2);
    assert!(state(&mut window).pane().selected.is_some());
    // The timeline is a slider of its own.
    tab_to(&mut window, "Timeline");
    window.key_press(Key::ArrowRight);
    window.run_steps(2);
    assert_eq!(position(&mut window), 1);
}

#[test]
fn two_runs_go_side_by_side_in_step_or_free() {
    let (mut window, watched) = window(Trouble::None);
    wait(&mut window, |state| state.models.loaded.is_some());
    click(&mut window, "Compare");
    state(&mut window).prefs.speed = Speed::Fourfold;
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.panes.iter().all(|pane| pane.position > 3));
    let positions = |state: &State| [state.panes[0].position, state.panes[1].position];
    let [left, right] = positions(state(&mut window));
    assert!(left.abs_diff(right) <= 1, "{left} and {right} in step");
    {
        let requests = watched.requests.lock().unwrap();
        assert_ne!(requests[0].sampling.sampler, requests[1].sampling.sampler);
        assert_eq!(requests[0].prompt, requests[1].prompt);
    }
    click(&mut window, "Pause");
    click(&mut window, "First step");
    assert_eq!(positions(state(&mut window)), [0, 0]);
    window.get_by_label("in step").click();
    window.run_steps(2);
    click(&mut window, "Right");
    click(&mut window, "Step on");
    assert_eq!(positions(state(&mut window)), [0, 1]);
    click(&mut window, "Compare");
    assert_eq!(state(&mut window).panes.len(), 1);
}

#[test]
fn the_window_answers_while_the_engine_does_not() {
    let (script, watched, gate) = Script::gated();
    let size = egui::vec2(1000.0, 700.0);
    let mut window = window_of(size, preferences(), script, Painter(None));
    wait(&mut window, |state| state.models.loaded.is_some());
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.pane().is_pulling());
    // The engine's thread now waits inside a pass. Were the window to wait for it, this would hang.
    for _ in 0..50 {
        window.step();
    }
    window.get_by_label("Prompt").focus();
    window.run_steps(2);
    window.get_by_label("Prompt").type_text("still here");
    window.run_steps(2);
    assert_eq!(state(&mut window).prefs.prompt, "still here");
    click(&mut window, "Pause");
    assert!(!state(&mut window).playing);
    assert!(state(&mut window).pane().recording.events().is_empty());
    // Two events: the beginning and a step.
    gate.send(()).unwrap();
    gate.send(()).unwrap();
    wait(&mut window, |state| state.pane().recording.moments().len() == 1);
    drop(gate);
    drop(window);
    assert!(*watched.dropped.lock().unwrap(), "closing the window ends the engine's thread");
}

#[test]
fn closing_the_window_during_a_run_ends_the_thread() {
    let (mut window, watched) = window(Trouble::None);
    wait(&mut window, |state| state.models.loaded.is_some());
    click(&mut window, "▶ Generate");
    window.run_steps(2);
    drop(window);
    assert!(*watched.dropped.lock().unwrap());
}
