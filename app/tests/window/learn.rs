//! What a newcomer meets: the tour, the keys, the legend, colours, and one cell explained.

use bdlm::event::CellState;
use bdlm::hub::KeptModel;
use bdlm_app::Recording;
use bdlm_app::recording::CellAt;
use bdlm_app::state::{Action, ColorBy, Scale, TourStep};
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use crate::script::{Script, Trouble, recorded};
use crate::{
    Painter, Window, app, click, position, preferences, replay, state, wait, window, window_of,
};

#[test]
fn the_tour_shows_a_masked_block_its_candidates_a_reveal_and_the_next_block() {
    let (mut window, _) = window(Trouble::None);
    wait(&mut window, |state| state.models.loaded.is_some());
    click(&mut window, "Take the tour: four steps");
    let step = |window: &mut Window| {
        let pane = state(window).pane();
        pane.recording.step(pane.position).unwrap().clone()
    };
    wait(&mut window, |state| !state.pane().recording.moments().is_empty());
    window.run_steps(4);
    assert_eq!(step(&mut window).step, 0);
    let undrawn = |state: &CellState| matches!(state, CellState::Masked | CellState::Given);
    assert!(step(&mut window).cells.iter().all(|cell| undrawn(&cell.state)));
    for (title, number) in [("Candidates", 1), ("Reveal", 2)] {
        click(&mut window, "Next");
        wait(&mut window, move |state| {
            state.pane().recording.step(state.pane().position).is_some_and(|s| s.step == number)
        });
        window.get_by_label(title);
    }
    click(&mut window, "Next");
    wait(&mut window, |state| {
        let pane = state.pane();
        pane.recording.blocks(pane.position).count() == 1
    });
    assert_eq!(state(&mut window).tour, Some(TourStep::Commit));
    click(&mut window, "Done");
    assert_eq!(state(&mut window).tour, None);
    assert!(state(&mut window).prefs.has_toured);
}

#[test]
fn keys_and_words_are_explained() {
    let mut window = replay();
    window.event(egui::Event::Text("?".into()));
    window.run_steps(3);
    window.get_by_label("Take the tour");
    window.get_by_label("undo steering");
    window.key_press(Key::Escape);
    window.run_steps(2);
    assert!(window.query_by_label("Take the tour").is_none());
    window.key_press(Key::F1);
    window.run_steps(3);
    window.get_by_label("Take the tour");
    click(&mut window, "Model");
    window.get_by_label("About the model");
    window.get_by_label("It plays what was recorded.");
}

#[test]
fn models_that_a_browser_keeps_are_listed_and_can_be_deleted() {
    let kept = |name: &str| KeptModel { id: format!("owner/{name}"), size_bytes: 21_000_000 };
    let (script, _) = Script::new(Trouble::None);
    let mut window = window_of(
        egui::vec2(1280.0, 800.0),
        preferences(),
        script.with_kept(vec![kept("small"), kept("tiny")]),
        Painter(None),
    );
    click(&mut window, "Model");
    wait(&mut window, |state| state.models.kept.len() == 2);
    window.run_steps(2);
    window.get_by_label("Kept in this browser");
    window.get_by_label("small");
    click(&mut window, "Delete owner/small");
    wait(&mut window, |state| state.models.kept == [kept("tiny")]);
    click(&mut window, "Delete owner/tiny");
    wait(&mut window, |state| state.models.kept.is_empty());
    window.run_steps(2);
    assert!(window.query_by_label("Kept in this browser").is_none());
}

#[test]
fn a_narrow_window_shows_one_thing_at_a_time() {
    let (script, _) = Script::new(Trouble::None);
    let size = egui::vec2(390.0, 844.0);
    let mut window = window_of(size, preferences(), script, Painter(None));
    wait(&mut window, |state| state.models.loaded.is_some());
    app(&mut window).open(Recording::of(recorded()));
    window.run_steps(2);
    assert!(window.query_by_label_contains("Point at a word").is_none(), "the text has the room");
    assert!(window.get_by_label("Settings").rect().right() <= 390.0, "nothing is cut off");
    click(&mut window, "Settings");
    window.get_by_label("Reduce motion");
    click(&mut window, "‹ Back to the text");
    assert!(window.query_by_label("Reduce motion").is_none());
    let at = CellAt { block_idx: 2, cell: 1 };
    app(&mut window).act(&egui::Context::default(), Action::Select(0, Some(at)), 0.0);
    window.run_steps(2);
    click(&mut window, "‹ Back to the text");
    assert_eq!(state(&mut window).pane().selected, None);
}

#[test]
fn colours_are_chosen_and_kept() {
    let mut window = replay();
    for label in ["masked", "pinned", "block", "prompt", "slid out"] {
        window.get_by_label(label);
    }
    click(&mut window, "Keep colours");
    assert!(state(&mut window).prefs.keep_colors);
    for (name, color_by) in [("entropy", ColorBy::Entropy), ("age", ColorBy::Age)] {
        click(&mut window, "Colour by");
        click(&mut window, name);
        assert_eq!(state(&mut window).prefs.color_by, color_by);
    }
    assert!(window.query_by_label("Colour scale").is_none(), "an age has no scale");
    click(&mut window, "Colour by");
    click(&mut window, "confidence");
    click(&mut window, "Colour scale");
    click(&mut window, "rank");
    assert_eq!(state(&mut window).prefs.scale, Scale::Rank);
    window.get_by_label("least likely");
}

#[test]
fn a_masked_cell_an_open_one_and_a_blank_one_are_explained() {
    let mut window = replay();
    let mut explained = |moment: usize, wanted: fn(&CellState) -> bool, words: &str| {
        state(&mut window).panes[0].show(moment, 0.0);
        let step = state(&mut window).pane().recording.step(moment).unwrap().clone();
        let cell = step.cells.iter().position(|cell| wanted(&cell.state)).unwrap();
        let at = CellAt { block_idx: step.block_idx, cell };
        state(&mut window).panes[0].selected = Some(at);
        window.run_steps(3);
        assert_eq!(position(&mut window), moment);
        window.get_by_label_contains(words);
    };
    explained(0, |state| *state == CellState::Masked, "nothing was drawn for it yet");
    explained(1, |state| *state == CellState::Masked, "and not kept");
    explained(1, |state| matches!(state, CellState::Open { .. }), "Opened at step 1, pass 1");
    explained(1, |state| *state == CellState::Given, "Given by the prompt");
}

#[test]
fn nothing_moves_when_another_cell_is_looked_at() {
    let mut window = replay();
    state(&mut window).panes[0].show(9, 0.0);
    let step = state(&mut window).pane().recording.step(9).unwrap().clone();
    let tops = (0..4).map(|cell| {
        state(&mut window).panes[0].selected = Some(CellAt { block_idx: step.block_idx, cell });
        window.run_steps(3);
        let top = |label: &str| window.get_by_label(label).rect().top();
        ["Branch from this step", "p over steps", "masked cells"].map(top)
    });
    let tops: Vec<[f32; 3]> = tops.collect();
    assert!(tops.windows(2).all(|pair| pair[0][1..] == pair[1][1..]), "{tops:?}");
}

#[test]
fn tab_goes_through_the_bar_from_left_to_right() {
    let mut window = replay();
    let labels = ["Prompt", "▶ Generate", "Compare", "Model", "History of runs", "Settings"];
    let lefts = labels.map(|label| window.get_by_label(label).rect().left());
    assert!(lefts.is_sorted(), "{lefts:?}");
    window.get_by_label("Prompt").focus();
    window.run_steps(2);
    for label in &labels[1..4] {
        window.key_press_modifiers(Modifiers::NONE, Key::Tab);
        window.run_steps(2);
        assert!(window.get_by_label(label).is_focused(), "{label} comes next");
    }
}
