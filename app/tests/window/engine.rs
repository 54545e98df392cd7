//! The window with the library's own engine.

use bdlm::event::CellState;
use bdlm_app::recording::CellAt;
use bdlm_app::state::{Action, Preferences, SampleSettings, Speed, Stage, State, SteerBy};
use egui::vec2;
use egui_kittest::kittest::Queryable;

use crate::{
    Window, app, click, moments, preferences, real_window, state, step_on, wait, wait_for_moment,
};

/// A window whose engine runs tales; none, loudly, where there is no adapter.
fn window() -> Option<Window> {
    crate::pictures::canvas()?;
    let settings = SampleSettings { length: 32, ..SampleSettings::default() };
    let panes = [settings.clone(), settings];
    let prefs = Preferences { panes, prompt: "The king said".into(), ..preferences() };
    Some(real_window(vec2(1000.0, 700.0), prefs))
}

/// A run that is paused after its first steps.
fn paused() -> Option<Window> {
    let mut window = window()?;
    state(&mut window).prefs.speed = Speed::Quarter;
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| !state.pane().recording.moments().is_empty());
    click(&mut window, "Pause");
    wait(&mut window, |state| !state.pane().is_pulling());
    Some(window)
}

#[test]
fn a_pin_is_in_the_text_that_the_engine_writes() {
    let Some(mut window) = paused() else { return };
    while !state(&mut window).pane().can_steer() {
        step_on(&mut window);
    }
    let (before, pane) = (moments(&mut window), state(&mut window).pane());
    let step = pane.recording.step(pane.position).unwrap().clone();
    let cell = step.cells.iter().position(|cell| cell.state == CellState::Masked).unwrap();
    let ctx = window.ctx.clone();
    let at = CellAt { block_idx: step.block_idx, cell };
    app(&mut window).act(&ctx, Action::Select(0, Some(at)), 0.0);
    window.run_steps(2);
    app(&mut window).act(&ctx, Action::Steer(0, cell, SteerBy::Text(" king".into())), 0.0);
    wait_for_moment(&mut window, before);
    state(&mut window).prefs.speed = Speed::Full;
    click(&mut window, "Play");
    wait(&mut window, |state| state.pane().recording.done().is_some());
    let recording = &state(&mut window).pane().recording;
    let start = recording.start().unwrap();
    let ids = &recording.done().unwrap().ids;
    let position = step.block_idx * start.block_size + cell;
    let pinned = recording.step(before).unwrap().cells[cell].clone();
    assert_eq!((pinned.state, pinned.text.as_deref()), (CellState::Pinned, Some(" king")));
    assert_eq!(ids[position], pinned.token);
}

#[test]
fn a_changed_prompt_goes_before_what_is_written() {
    let Some(mut window) = paused() else { return };
    let has_blocks = |state: &State| {
        state.pane().recording.blocks(state.pane().position).count() == 2
            && !state.pane().is_pulling()
    };
    while !has_blocks(state(&mut window)) {
        step_on(&mut window);
    }
    let pane = state(&mut window).pane();
    let written: String = pane.recording.blocks(pane.position).map(|b| b.text.clone()).collect();
    assert!(window.query_by_label("▶ Restart with new prompt").is_none());
    state(&mut window).prefs.prompt = "The queen said".into();
    window.run_steps(2);
    click(&mut window, "▶ Restart with new prompt");
    wait(&mut window, |state| starts_with(state, "The queen"));
    let text = state(&mut window).pane().recording.start().unwrap().text.clone().unwrap();
    assert_eq!(text, format!("The queen said{written}"));
    // Once more: what the first run wrote is still there, and nothing is offered unasked.
    click(&mut window, "Pause");
    wait(&mut window, |state| !state.pane().is_pulling());
    assert!(window.query_by_label("▶ Restart with new prompt").is_none());
    state(&mut window).prefs.prompt = "The fox said".into();
    window.run_steps(2);
    click(&mut window, "▶ Restart with new prompt");
    wait(&mut window, |state| starts_with(state, "The fox"));
    let text = state(&mut window).pane().recording.start().unwrap().text.clone().unwrap();
    assert!(text.starts_with(&format!("The fox said{written}")), "{text}");
}

fn starts_with(state: &State, prompt: &str) -> bool {
    let text = state.pane().recording.start().and_then(|start| start.text.as_ref());
    text.is_some_and(|text| text.starts_with(prompt))
}

#[test]
fn a_model_that_is_not_there_is_reported_and_the_old_one_stays() {
    let Some(mut window) = window() else { return };
    state(&mut window).models.source.name = "no-such-folder".into();
    let ctx = window.ctx.clone();
    app(&mut window).act(&ctx, Action::LoadModel, 0.0);
    wait(&mut window, |state| state.banner.is_some());
    window.get_by_label("no-such-folder could not be loaded.");
    click(&mut window, "Dismiss");
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.pane().stage == Stage::Over);
    assert!(state(&mut window).pane().recording.done().is_some());
}
