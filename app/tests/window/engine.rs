//! The window with the library's own engine.

use bdlm::event::CellState;
use bdlm_app::action::Action;
use bdlm_app::backend::EngineBackend;
use bdlm_app::pane::Stage;
use bdlm_app::recording::CellAt;
use bdlm_app::settings::{Preferences, SampleSettings, Speed};
use bdlm_app::worker::SteerBy;
use egui::vec2;
use egui_kittest::kittest::Queryable;

use crate::window_of;
use crate::{Painter, Window, app, click, moments, preferences, step_on, wait, wait_for_moment};

/// A window whose engine runs tales; none, loudly, where there is no adapter.
fn window() -> Option<Window> {
    crate::pictures::canvas()?;
    let settings = SampleSettings { length: 32, ..SampleSettings::default() };
    let panes = [settings.clone(), settings];
    let prefs = Preferences { panes, prompt: "The king said".into(), ..preferences() };
    let mut window = window_of(vec2(1000.0, 700.0), prefs, EngineBackend::default(), Painter(None));
    wait(&mut window, |app| app.model.is_some());
    Some(window)
}

/// A run that is paused after its first steps.
fn paused() -> Option<Window> {
    let mut window = window()?;
    app(&mut window).prefs.speed = Speed::Quarter;
    click(&mut window, "▶ Generate");
    wait(&mut window, |app| !app.pane().recording.moments().is_empty());
    click(&mut window, "Pause");
    wait(&mut window, |app| !app.pane().is_pulling());
    Some(window)
}

#[test]
fn a_pin_is_in_the_text_that_the_engine_writes() {
    let Some(mut window) = paused() else { return };
    while !app(&mut window).pane().can_steer() {
        step_on(&mut window);
    }
    let (before, pane) = (moments(&mut window), app(&mut window).pane());
    let step = pane.recording.step(pane.position).unwrap().clone();
    let cell = step.cells.iter().position(|cell| cell.state == CellState::Masked).unwrap();
    let ctx = window.ctx.clone();
    let at = CellAt { block_idx: step.block_idx, cell };
    app(&mut window).act(&ctx, Action::Select(0, Some(at)), 0.0);
    window.run_steps(2);
    app(&mut window).act(&ctx, Action::Steer(0, cell, SteerBy::Text(" king".into())), 0.0);
    wait_for_moment(&mut window, before);
    app(&mut window).prefs.speed = Speed::Full;
    click(&mut window, "Play");
    wait(&mut window, |app| app.pane().recording.done().is_some());
    let recording = &app(&mut window).pane().recording;
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
    let has_blocks = |app: &bdlm_app::app::App| {
        app.pane().recording.blocks(app.pane().position).count() == 2 && !app.pane().is_pulling()
    };
    while !has_blocks(app(&mut window)) {
        step_on(&mut window);
    }
    let pane = app(&mut window).pane();
    let written: String = pane.recording.blocks(pane.position).map(|b| b.text.clone()).collect();
    assert!(window.query_by_label("▶ Resume").is_none());
    app(&mut window).prefs.prompt = "The queen said".into();
    window.run_steps(2);
    click(&mut window, "▶ Resume");
    wait(&mut window, |app| starts_with(app, "The queen"));
    let text = app(&mut window).pane().recording.start().unwrap().text.clone().unwrap();
    assert_eq!(text, format!("The queen said{written}"));
    // Once more: what the first run wrote is still there, and nothing is offered unasked.
    click(&mut window, "Pause");
    wait(&mut window, |app| !app.pane().is_pulling());
    assert!(window.query_by_label("▶ Resume").is_none());
    app(&mut window).prefs.prompt = "The fox said".into();
    window.run_steps(2);
    click(&mut window, "▶ Resume");
    wait(&mut window, |app| starts_with(app, "The fox"));
    let text = app(&mut window).pane().recording.start().unwrap().text.clone().unwrap();
    assert!(text.starts_with(&format!("The fox said{written}")), "{text}");
}

fn starts_with(app: &bdlm_app::app::App, prompt: &str) -> bool {
    let text = app.pane().recording.start().and_then(|start| start.text.as_ref());
    text.is_some_and(|text| text.starts_with(prompt))
}

#[test]
fn a_model_that_is_not_there_is_told_and_the_old_one_stays() {
    let Some(mut window) = window() else { return };
    app(&mut window).source.name = "no-such-folder".into();
    let ctx = window.ctx.clone();
    app(&mut window).act(&ctx, Action::LoadModel, 0.0);
    wait(&mut window, |app| app.banner.is_some());
    window.get_by_label("no-such-folder could not be loaded.");
    click(&mut window, "Dismiss");
    click(&mut window, "▶ Generate");
    wait(&mut window, |app| app.pane().stage == Stage::Over);
    assert!(app(&mut window).pane().recording.done().is_some());
}
