//! The window as it looks, compared with pictures that were looked at.

use std::io::Write;

use bdlm::gpu::{Gpu, GpuOptions};
use bdlm_app::Recording;
use bdlm_app::export::Canvas;
use bdlm_app::recording::CellAt;
use bdlm_app::state::{Banner, Preferences, Remedy, ThemeChoice};
use egui::vec2;
use egui_kittest::SnapshotOptions;

use crate::script::{Script, Trouble, recorded, recorded_in};
use crate::{Painter, Window, app, preferences, state, wait, window_of};

/// A canvas; none, loudly, where there is no adapter and none is required.
pub fn canvas() -> Option<Canvas> {
    match Gpu::request(&GpuOptions::default()) {
        Ok(gpu) => Some(Canvas::new(&gpu)),
        Err(e) if std::env::var_os("BDLM_TEST_GPU").is_some() => panic!("no adapter: {e}"),
        Err(e) => {
            // To stderr itself: cargo hides what tests that pass print.
            let words = format!("SKIPPED for want of an adapter: {e}\n");
            std::io::stderr().write_all(words.as_bytes()).unwrap();
            None
        }
    }
}

fn drawn(theme: ThemeChoice) -> Option<Window> {
    let canvas = canvas()?;
    let prefs = Preferences { theme, prompt: "The king said to his".into(), ..preferences() };
    let (script, _) = Script::new(Trouble::None);
    let mut window = window_of(vec2(900.0, 600.0), prefs, script, Painter(Some(canvas)));
    wait(&mut window, |state| state.models.loaded.is_some());
    Some(window)
}

/// The recorded run, its times made the same on every machine.
fn recording() -> Recording {
    Recording::of(recorded())
}

/// Fonts and lines are drawn by the CPU or by the same shaders everywhere; a few pixels may differ.
pub fn compare(window: &mut Window, name: &str) {
    window.run_steps(3);
    window.snapshot_options(name, &options());
}

fn options() -> SnapshotOptions {
    SnapshotOptions::new().threshold(1.5).max_failed_pixels(40)
}

fn moment(window: &mut Window, position: usize) {
    app(window).open(recording());
    state(window).panes[0].show(position, 0.0);
}

#[test]
fn before_the_first_run() {
    let Some(mut window) = drawn(ThemeChoice::Dark) else { return };
    compare(&mut window, "empty");
}

/// A cell of a half open block, inspected.
fn inspected(theme: ThemeChoice, name: &str) {
    let Some(mut window) = drawn(theme) else { return };
    moment(&mut window, 9);
    let block_idx = state(&mut window).pane().recording.step(9).unwrap().block_idx;
    state(&mut window).panes[0].selected = Some(CellAt { block_idx, cell: 2 });
    compare(&mut window, name);
}

#[test]
fn in_the_middle_of_a_block_by_night() {
    inspected(ThemeChoice::Dark, "block");
}

#[test]
fn in_the_middle_of_a_block_by_day() {
    inspected(ThemeChoice::Light, "block_light");
}

#[test]
fn an_error_above_a_finished_text() {
    let Some(mut window) = drawn(ThemeChoice::Light) else { return };
    moment(&mut window, usize::MAX);
    state(&mut window).banner = Some(Banner {
        sentence: "The device was lost; the text so far is kept.".into(),
        cause: "the GPU was lost: it fell off the bus; run again, or choose another adapter".into(),
        remedy: Some(("Load the model again".into(), Remedy::ShowModel)),
    });
    compare(&mut window, "error");
}

#[test]
fn two_runs_side_by_side() {
    let Some(mut window) = drawn(ThemeChoice::Dark) else { return };
    moment(&mut window, 12);
    state(&mut window).panes.push(bdlm_app::state::Pane::of(recording()));
    compare(&mut window, "compare");
}

#[test]
fn simplex_diffusion_beside_masked_diffusion() {
    let Some(mut window) = drawn(ThemeChoice::Dark) else { return };
    moment(&mut window, 10);
    // The tests' SSD-LM has random weights; in the fifth of eight steps of its first block.
    let simplex = Recording::of(recorded_in("simplex.jsonl"));
    let is_fifth = |&at: &usize| simplex.step(at).is_some_and(|step| step.step == 5);
    let at = (0..simplex.moments().len()).find(is_fifth).unwrap();
    state(&mut window).panes.push(bdlm_app::state::Pane::of(simplex));
    state(&mut window).panes[1].show(at, 0.0);
    let pane = &state(&mut window).panes[1];
    assert_eq!(pane.recording.moments()[at].nfe, 5, "each step is a run of the network");
    compare(&mut window, "simplex");
}

#[test]
fn a_picture_that_differs_is_rejected() {
    let Some(mut window) = drawn(ThemeChoice::Dark) else { return };
    moment(&mut window, 3);
    window.run_steps(3);
    let found = window.render().unwrap();
    let kept = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/block.png");
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(kept, folder.path().join("block.png")).unwrap();
    let options = options().output_path(folder.path());
    let outcome = egui_kittest::try_image_snapshot_options(&found, "block", &options);
    let is_update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    assert!(outcome.is_err() || is_update);
}
