//! What goes wrong appears in the window, with what to do.

use bdlm_app::state::{Sheet, Stage, State};
use egui_kittest::kittest::Queryable;

use crate::script::Trouble;
use crate::{click, moments, state, wait, window};

#[test]
fn a_model_that_cannot_be_loaded_is_a_banner_with_a_way_out() {
    let (mut window, _) = window(Trouble::Load);
    app_name(&mut window, "nowhere");
    click(&mut window, "Load");
    wait(&mut window, |state| state.banner.is_some() && state.models.busy.is_none());
    window.get_by_label("nowhere could not be loaded.");
    window.get_by_label_contains("there is no model `nowhere`");
    click(&mut window, "Load tales instead");
    assert_eq!(state(&mut window).models.source.name, "tales");
    assert!(!state(&mut window).can_generate());
}

fn app_name(window: &mut crate::Window, name: &str) {
    wait(window, |state| state.models.busy.is_none());
    let state = state(window);
    (state.models.source.name, state.banner, state.sheet) = (name.into(), None, Sheet::Model);
    window.run_steps(2);
}

#[test]
fn a_lost_device_keeps_the_text_and_the_window() {
    let (mut window, _) = window(Trouble::Device);
    wait(&mut window, |state| state.models.loaded.is_some());
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.banner.is_some());
    window.get_by_label_contains("the text so far is kept");
    window.get_by_label_contains("it fell off the bus");
    assert!(moments(&mut window) >= 3);
    assert_eq!(state(&mut window).pane().stage, Stage::Over);
    assert!(!state(&mut window).can_generate(), "without a model");
    click(&mut window, "Load the model again");
    wait(&mut window, |state| state.models.loaded.is_some());
    assert!(state(&mut window).can_generate());
    assert!(moments(&mut window) >= 3);
}

#[test]
fn a_run_that_cannot_begin_leads_to_the_settings() {
    let (mut window, _) = window(Trouble::None);
    wait(&mut window, |state| state.models.loaded.is_some());
    state(&mut window).prefs.panes[0].length = 4096;
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.banner.is_some());
    window.get_by_label("This run cannot begin.");
    click(&mut window, "Change the settings");
    assert_eq!(state(&mut window).sheet, Sheet::Settings);
}

#[test]
fn a_download_is_cancelled_and_the_thread_lives() {
    let (mut window, _) = window(Trouble::Endless);
    wait(&mut window, |state| state.models.loaded.is_some());
    app_name(&mut window, "owner/name");
    click(&mut window, "Memory plan");
    wait(&mut window, |state| state.models.busy.as_ref().is_some_and(|busy| busy.part.is_some()));
    click(&mut window, "Cancel");
    wait(&mut window, |state| state.models.busy.is_none());
    assert_eq!(state(&mut window).banner, None);
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.pane().stage == Stage::Over);
}

#[test]
fn the_memory_plan_comes_before_the_load() {
    let (mut window, _) = window(Trouble::None);
    wait(&mut window, |state| state.models.loaded.is_some());
    app_name(&mut window, "owner/name");
    click(&mut window, "Memory plan");
    wait(&mut window, |state| state.models.found.is_some());
    window.get_by_label("253 MB");
    assert_eq!(
        state(&mut window).models.loaded.as_ref().unwrap().name,
        "tales",
        "nothing is loaded yet"
    );
    click(&mut window, "Load");
    wait(&mut window, |state| {
        state.models.loaded.as_ref().is_some_and(|model| model.name == "owner/name")
    });
    assert_eq!(state(&mut window).prefs.model, "owner/name");
}

#[test]
fn a_lost_device_ends_the_runs_of_both_sides() {
    let (mut window, _) = window(Trouble::Device);
    wait(&mut window, |state| state.models.loaded.is_some());
    click(&mut window, "Compare");
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.banner.is_some());
    assert!(state(&mut window).panes.iter().all(|pane| pane.stage != Stage::Live));
    click(&mut window, "Load the model again");
    wait(&mut window, State::can_generate);
}

#[test]
fn a_run_that_is_refused_leaves_the_text_that_was_there() {
    let (mut window, _) = window(Trouble::None);
    wait(&mut window, |state| state.models.loaded.is_some());
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.pane().stage == Stage::Over);
    let before = moments(&mut window);
    state(&mut window).prefs.panes[0].length = 4096;
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.banner.is_some());
    assert_eq!(moments(&mut window), before);
    assert!(state(&mut window).can_generate());
}

#[test]
fn a_thread_that_has_ended_is_reported() {
    let (mut window, _) = window(Trouble::Panic);
    wait(&mut window, |state| state.models.loaded.is_some());
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.banner.is_some());
    window.get_by_label("The engine does not answer.");
    assert!(!state(&mut window).can_generate() && !state(&mut window).is_live());
}

#[test]
fn what_was_chosen_for_another_model_does_not_count() {
    let (mut window, watched) = window(Trouble::Autoregressive);
    wait(&mut window, |state| state.models.loaded.is_some());
    let settings = &mut state(&mut window).prefs.panes[0];
    settings.block_size = Some(4);
    settings.sampler = bdlm::sample::SamplerKind::Confidence;
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.pane().stage == Stage::Over);
    let requests = watched.requests.lock().unwrap();
    assert_eq!(requests[0].block_size, None);
    assert_eq!(requests[0].sampling.sampler, bdlm::sample::Sampler::FirstHitting);
}

#[test]
fn kernels_that_compute_wrong_results_are_reported_and_the_model_runs() {
    let (mut window, _) = window(Trouble::Kernels);
    wait(&mut window, |state| state.models.loaded.is_some());
    window.get_by_label("none does not compute as it should.");
    click(&mut window, "Dismiss");
    click(&mut window, "Model");
    window.get_by_label_contains("The matrix kernels compute wrong results here");
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.pane().stage == Stage::Over);
}
