//! The history of runs: nothing is lost, any two are compared, all is there after a restart.

use bdlm::event::CellState;
use bdlm::sample::Prompt;
use bdlm_app::app::App;
use bdlm_app::state::{Action, Speed, Stage, State};
use bdlm_app::store::{Folder, MAX_BYTES, Store};
use egui_kittest::kittest::Queryable;

use crate::script::{Script, Trouble, Watched};
use crate::{
    Painter, Window, app, click, moments, position, preferences, replay, state, step_on, wait,
    wait_for_moment, window, window_of,
};

fn generated(n_runs: usize) -> (Window, Watched) {
    let (mut window, watched) = window(Trouble::None);
    wait(&mut window, |state| state.models.loaded.is_some());
    for _ in 0..n_runs {
        click(&mut window, "▶ Generate");
        wait(&mut window, |state| state.pane().stage == Stage::Over);
    }
    (window, watched)
}

fn count(window: &mut Window) -> usize {
    state(window).history.runs().len()
}

#[test]
fn every_run_stays_and_gets_a_new_seed_unless_it_is_locked() {
    let (mut window, watched) = generated(2);
    let seeds = || watched.requests.lock().unwrap().iter().map(|r| r.seed).collect::<Vec<_>>();
    assert_ne!(seeds()[0], seeds()[1]);
    assert_eq!(count(&mut window), 2);
    click(&mut window, "Settings");
    click(&mut window, "Lock");
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.history.runs().len() == 3 && state.pane().stage == Stage::Over);
    assert_eq!(seeds()[1], seeds()[2]);
    click(&mut window, "History of runs");
    window.get_by_label_contains("Show run 1:");
    window.get_by_label_contains("Show run 3:");
}

#[test]
fn runs_are_renamed_pinned_deleted_and_brought_back() {
    let (mut window, _) = generated(2);
    click(&mut window, "History of runs");
    click(&mut window, "Rename run 1");
    window.get_by_label("Name of the run").type_text("A king");
    window.run_steps(2);
    window.key_press(egui::Key::Enter);
    window.run_steps(3);
    window.get_by_label("Show run 1: A king");
    click(&mut window, "Pin run 1");
    assert!(state(&mut window).history.runs()[0].is_pinned);
    click(&mut window, "Delete run 1");
    assert_eq!(count(&mut window), 1);
    click(&mut window, "Bring it back");
    window.get_by_label("Show run 1: A king");
    assert_eq!(count(&mut window), 2);
}

#[test]
fn any_two_runs_are_compared_and_closing_one_loses_nothing() {
    let (mut window, _) = generated(3);
    click(&mut window, "History of runs");
    let shown = state(&mut window).pane().kept;
    click(&mut window, "Compare run 1");
    let kept: Vec<_> = state(&mut window).panes.iter().map(|pane| pane.kept).collect();
    let first = state(&mut window).history.runs()[0].id;
    assert_eq!(kept, [shown, Some(first)]);
    click(&mut window, "Compare");
    assert_eq!((state(&mut window).panes.len(), count(&mut window)), (1, 3));
    // The run that was closed is shown again.
    window.get_by_label_contains("Show run 1:").click();
    window.run_steps(3);
    assert_eq!(state(&mut window).pane().kept, Some(first));
    assert!(moments(&mut window) > 30);
}

#[test]
fn one_side_begins_alone() {
    let (mut window, watched) = generated(1);
    let left = state(&mut window).pane().kept;
    click(&mut window, "Compare");
    click(&mut window, "Generate right");
    wait(&mut window, |state| state.panes[1].stage == Stage::Over);
    assert_eq!(state(&mut window).panes[0].kept, left, "the left run stays");
    assert_eq!(watched.requests.lock().unwrap().len(), 2);
    assert_eq!(count(&mut window), 2);
}

/// A live run, paused inside a block.
fn paused() -> (Window, Watched) {
    let (mut window, watched) = window(Trouble::None);
    wait(&mut window, |state| state.models.loaded.is_some());
    state(&mut window).prefs.speed = Speed::Quarter;
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| !state.pane().recording.moments().is_empty());
    click(&mut window, "Pause");
    wait(&mut window, |state| !state.pane().is_pulling());
    while step_of(state(&mut window)) < 2 || !state(&mut window).pane().can_steer() {
        step_on(&mut window);
    }
    (window, watched)
}

fn step_of(state: &State) -> usize {
    state.pane().recording.step(state.pane().position).map_or(0, |step| step.step)
}

fn select(window: &mut Window, is_it: impl Fn(&CellState) -> bool) -> usize {
    let pane = state(window).pane();
    let step = pane.recording.step(pane.position).unwrap();
    let cell = step.cells.iter().position(|cell| is_it(&cell.state)).unwrap();
    let at = bdlm_app::recording::CellAt { block_idx: step.block_idx, cell };
    state(window).panes[0].selected = Some(at);
    window.run_steps(2);
    cell
}

#[test]
fn what_was_steered_is_taken_back() {
    let (mut window, _) = paused();
    let cell = select(&mut window, |state| matches!(state, CellState::Open { .. }));
    let before = moments(&mut window);
    click(&mut window, "Mask again");
    wait_for_moment(&mut window, before);
    let state_of = |window: &mut Window| {
        let pane = state(window).pane();
        pane.recording.step(pane.position).unwrap().cells[cell].state
    };
    assert_eq!(state_of(&mut window), CellState::Masked);
    click(&mut window, "Undo steering");
    wait_for_moment(&mut window, before + 1);
    assert_eq!(state_of(&mut window), CellState::Pinned);
    assert!(window.query_by_label("Undo steering").is_none());
}

#[test]
fn a_run_branches_inside_a_block_and_a_paused_one_stays_paused() {
    let (mut window, watched) = paused();
    select(&mut window, |state| *state == CellState::Masked);
    let pane = state(&mut window).pane();
    let step = pane.recording.step(pane.position).unwrap().clone();
    click(&mut window, "Branch from this step");
    wait(&mut window, |state| {
        state.panes.len() == 2 && !state.panes[1].recording.moments().is_empty()
    });
    assert!(!state(&mut window).playing, "the paused run does not go on");
    let requests = watched.requests.lock().unwrap();
    let Prompt::Ids(ids) = &requests[1].prompt else { panic!("{:?}", requests[1].prompt) };
    let given = step.cells.iter().filter(|cell| cell.state == CellState::Given).count();
    assert_eq!(ids.len() + 1, step.block_idx * 4 + given);
    assert_ne!(requests[0].seed, requests[1].seed);
}

#[test]
fn all_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let (script, _) = Script::new(Trouble::None);
        let mut window = window_of(egui::vec2(1280.0, 800.0), preferences(), script, Painter(None));
        let ctx = window.ctx.clone();
        wait(&mut window, |state| state.models.loaded.is_some());
        app(&mut window).keep_runs_in(&ctx, folder.path().into()).unwrap();
        state(&mut window).prefs.has_toured = true;
        window
    };
    let mut window = open();
    for _ in 0..2 {
        click(&mut window, "▶ Generate");
        wait(&mut window, |state| state.pane().stage == Stage::Over);
    }
    click(&mut window, "History of runs");
    click(&mut window, "Compare run 1");
    click(&mut window, "Pin run 1");
    let ctx = window.ctx.clone();
    app(&mut window).act(&ctx, Action::Show(1, 7), 0.0);
    app(&mut window).act(&ctx, Action::InStep(false), 0.0);
    app(&mut window).remember_session();
    let prefs = state(&mut window).prefs.clone();
    let runs = state(&mut window).history.runs().to_vec();
    assert_eq!(prefs.shown.len(), 2);
    drop(window);

    let mut window = open();
    assert_eq!(state(&mut window).history.runs(), runs);
    state(&mut window).prefs.shown = prefs.shown.clone();
    app(&mut window).restore();
    wait(&mut window, |state| {
        state.panes.len() == 2 && state.panes.iter().all(|pane| pane.recording.done().is_some())
    });
    let shown: Vec<_> =
        state(&mut window).panes.iter().map(|pane| (pane.kept.unwrap(), pane.position)).collect();
    assert_eq!(shown, prefs.shown);
    // A run that cannot be read is reported.
    let lost = runs[0].id;
    std::fs::remove_file(folder.path().join(format!("{lost}.jsonl"))).unwrap();
    drop(window);
    let mut window = open();
    assert_eq!(count(&mut window), 1, "what is not there is not listed");
}

#[test]
fn memory_and_disk_are_bounded_over_many_runs() {
    let mut window = replay();
    let one = crate::script::recorded();
    for _ in 0..60 {
        let recording = bdlm_app::Recording::of(one.clone());
        App::open(app(&mut window), recording);
    }
    let at_most = bdlm_app::state::MAX_RUNS;
    assert!(count(&mut window) > 50 && count(&mut window) <= at_most);
    assert_eq!(state(&mut window).panes.len(), 1);
    assert_eq!(position(&mut window), moments(&mut window) - 1);
}

#[test]
fn a_window_that_goes_down_in_the_middle_of_a_run_keeps_its_text() {
    let folder = tempfile::tempdir().unwrap();
    let (script, _, gate) = Script::gated();
    let mut window = window_of(egui::vec2(1280.0, 800.0), preferences(), script, Painter(None));
    let ctx = window.ctx.clone();
    wait(&mut window, |state| state.models.loaded.is_some());
    app(&mut window).keep_runs_in(&ctx, folder.path().into()).unwrap();
    state(&mut window).prefs.has_toured = true;
    click(&mut window, "▶ Generate");
    (0..6).for_each(|_| gate.send(()).unwrap());
    wait(&mut window, |state| state.pane().recording.moments().len() > 2);
    let shown = moments(&mut window);
    let lost = window.state_mut().take().unwrap();
    let went_down = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _goes_down = lost;
        panic!("a fault for the test: the device that draws is lost");
    }));
    assert!(went_down.is_err());
    drop(gate);
    let (_store, found) = Store::open(Folder::new(folder.path().into(), MAX_BYTES), || {}).unwrap();
    assert_eq!(found.runs.len(), 1);
    let kept = Folder::new(folder.path().into(), MAX_BYTES).read_run(found.runs[0].id).unwrap();
    assert!(kept.moments().len() >= shown, "{} of {shown}", kept.moments().len());
}
