//! Looking into cells, and steering them.

use bdlm::event::{CellState, Event};
use bdlm::sample::Prompt;
use bdlm_app::Recording;
use bdlm_app::recording::CellAt;
use egui_kittest::kittest::{NodeT, Queryable};

use crate::script::{Trouble, Watched, recorded};
use crate::{
    Window, app, click, moments, position, replay, state, step_on, wait, wait_for_moment, window,
};

/// A live run, paused where some cells of a block are open and some masked.
fn half_open() -> (Window, Watched) {
    let (mut window, watched) = window(Trouble::None);
    wait(&mut window, |state| state.models.loaded.is_some());
    state(&mut window).prefs.speed = bdlm_app::state::Speed::Quarter;
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| !state.pane().recording.moments().is_empty());
    click(&mut window, "Pause");
    wait(&mut window, |state| !state.pane().is_pulling());
    while !state(&mut window).pane().can_steer() || steps_of_block(&mut window) < 2 {
        step_on(&mut window);
    }
    (window, watched)
}

fn steps_of_block(window: &mut Window) -> usize {
    let pane = state(window).pane();
    pane.recording.step(pane.position).map_or(0, |step| step.step)
}

fn states(window: &mut Window) -> Vec<CellState> {
    let pane = state(window).pane();
    pane.recording.step(pane.position).unwrap().cells.iter().map(|cell| cell.state).collect()
}

/// Chooses a cell of the current block by its label's beginning; returns its index.
fn choose(window: &mut Window, wanted: impl Fn(&CellState) -> bool) -> usize {
    let cell = states(window).iter().position(wanted).unwrap();
    let start = format!("Cell {}:", cell + 1);
    window.get_by(|node| node.label().is_some_and(|label| label.starts_with(&start))).click();
    window.run_steps(3);
    cell
}

fn is_open(state: &CellState) -> bool {
    matches!(state, CellState::Open { .. })
}

fn is_masked(state: &CellState) -> bool {
    *state == CellState::Masked
}

#[test]
fn a_cell_shows_what_it_could_have_been() {
    let (mut window, _) = half_open();
    let cell = choose(&mut window, is_open);
    let block = state(&mut window).pane().selected.unwrap().block_idx;
    window.get_by_label(&format!("Cell {} · block {}", cell + 1, block + 1));
    let candidates = window.query_all_by_label_contains(", probability").count();
    assert!((4..=5).contains(&candidates), "the drawn one is appended: {candidates}");
    window.get_by_label_contains("had an entropy of");
    let CellState::Open { step } = states(&mut window)[cell] else { panic!("it is masked") };
    let reported = recorded().into_iter().find_map(|event| match event {
        Event::Step(s) if (s.block_idx, s.step) == (block, step) => Some(s.passes),
        _ => None,
    });
    let pass = reported.unwrap();
    window.get_by_label_contains(&format!(", pass {pass}"));
    // Another click deselects it; it is still described while the mouse points at it.
    choose(&mut window, is_open);
    assert_eq!(state(&mut window).pane().selected, None);
    window.get_by_label_contains("Click to keep it selected");
    window.get_by_label_contains("had an entropy of");
    window.hover_at(egui::pos2(300.0, 500.0));
    window.run_steps(3);
    assert!(window.query_by_label_contains("had an entropy of").is_none());
    window.get_by_label_contains("Point at a word or a cell");
}

#[test]
fn the_rank_of_a_token_is_exact_where_it_was_recorded() {
    let ranked = |mut event: Event| {
        match &mut event {
            Event::Start(start) => start.n_drawable = Some(4096),
            Event::Step(step) => {
                let drawn = step.cells.iter_mut().filter(|cell| !cell.candidates.is_empty());
                drawn.for_each(|cell| cell.rank = Some(1234));
            }
            _ => {}
        }
        event
    };
    let mut window = replay();
    let mut words_of = |events: Vec<Event>, wanted: &str| {
        app(&mut window).open(Recording::of(events));
        let block = state(&mut window).pane().recording.finished_blocks().nth(1).unwrap();
        let block_idx = block.block_idx;
        state(&mut window).panes[0].selected = Some(CellAt { block_idx, cell: 2 });
        window.run_steps(2);
        window.query_by_label_contains(wanted).is_some()
    };
    let exact = "Its token was rank 1,234 of 4,096.";
    assert!(words_of(recorded().into_iter().map(ranked).collect(), exact));
    assert!(!words_of(recorded(), exact));
    assert!(words_of(recorded(), "Its token was "), "a run without ranks is described too");
}

#[test]
fn a_candidate_or_a_typed_token_is_pinned() {
    let (mut window, _) = half_open();
    let (before, cell) = (moments(&mut window), choose(&mut window, is_masked));
    let pins: Vec<String> = window
        .query_all_by_label_contains("Pin ")
        .filter(|node| node.accesskit_node().label().is_some_and(|l| l.contains(", token ")))
        .filter_map(|node| node.accesskit_node().label())
        .collect();
    assert!((4..=5).contains(&pins.len()), "{pins:?}");
    click(&mut window, &pins[1]);
    wait_for_moment(&mut window, before);
    assert_eq!(states(&mut window)[cell], CellState::Pinned);
    assert!(state(&mut window).pane().recording.moments()[before].is_steered);
    // The same cell again, with a word.
    click(&mut window, "Mask again");
    wait_for_moment(&mut window, before + 1);
    window.get_by_label("Token to pin").focus();
    window.run_steps(2);
    window.get_by_label("Token to pin").type_text("fox");
    window.run_steps(2);
    click(&mut window, "Pin it");
    wait_for_moment(&mut window, before + 2);
    let pane = state(&mut window).pane();
    let at = pane.selected.unwrap();
    assert_eq!(pane.recording.cell(pane.position, at).unwrap().0.token, 4242);
}

#[test]
fn an_open_cell_is_masked_again() {
    let (mut window, _) = half_open();
    let (before, cell) = (moments(&mut window), choose(&mut window, is_open));
    click(&mut window, "Mask again");
    wait_for_moment(&mut window, before);
    assert_eq!(states(&mut window)[cell], CellState::Masked);
}

#[test]
fn a_text_that_is_no_token_is_refused_with_words() {
    let (mut window, _) = half_open();
    choose(&mut window, is_masked);
    window.get_by_label("Token to pin").focus();
    window.run_steps(2);
    window.get_by_label("Token to pin").type_text("elephants");
    window.run_steps(2);
    click(&mut window, "Pin it");
    wait(&mut window, |state| state.banner.is_some());
    window.get_by_label_contains("is 3 tokens, expected 1");
    click(&mut window, "Dismiss");
    assert!(state(&mut window).pane().can_steer(), "the run goes on");
}

#[test]
fn steps_before_the_newest_cannot_be_steered() {
    let (mut window, _) = half_open();
    click(&mut window, "Step back");
    choose(&mut window, |state| *state != CellState::Given);
    window.get_by_label_contains("Go to the newest step");
    assert!(window.query_by_label("Mask again").is_none());
}

#[test]
fn a_finished_block_says_so_and_branches() {
    let (mut window, watched) = window(Trouble::None);
    wait(&mut window, |state| state.models.loaded.is_some());
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.pane().recording.done().is_some());
    let last = moments(&mut window) - 1;
    let at = state(&mut window).pane().recording.finished_blocks().nth(1).unwrap().block_idx;
    let ids = state(&mut window).pane().recording.ids_to(last, at);
    state(&mut window).panes[0].selected = Some(CellAt { block_idx: at, cell: 2 });
    window.run_steps(2);
    window.get_by_label_contains("A finished block does not change");
    click(&mut window, &format!("Branch after block {}", at + 1));
    wait(&mut window, |state| state.panes.len() == 2 && state.panes[1].recording.done().is_some());
    let requests = watched.requests.lock().unwrap();
    assert_eq!(requests[1].prompt, Prompt::Ids(ids[1..].to_vec()));
    assert_eq!(ids.len(), (at + 1) * 4);
    assert_eq!(requests[1].seed, requests[0].seed + 1);
    assert_eq!(
        state(&mut window).panes[0].recording.moments().len(),
        last + 1,
        "the old run stays"
    );
}

#[test]
fn a_replay_shows_finished_words_but_needs_a_model_to_branch() {
    let mut window = replay();
    state(&mut window).models.loaded = None;
    let block_idx = state(&mut window).pane().recording.finished_blocks().next().unwrap().block_idx;
    state(&mut window).panes[0].selected = Some(CellAt { block_idx, cell: 3 });
    window.run_steps(2);
    assert!(position(&mut window) > 0);
    click(&mut window, &format!("Branch after block {}", block_idx + 1));
    assert_eq!(state(&mut window).panes.len(), 1);
}
