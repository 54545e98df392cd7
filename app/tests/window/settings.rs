//! The settings begin with what the model was published with.

use bdlm_app::engine::Choices;
use bdlm_app::state::{Action, Edit, Stage};
use egui::vec2;
use egui_kittest::kittest::Queryable;

use crate::script::{Script, Trouble};
use crate::{Painter, Window, app, click, preferences, state, wait, window, window_of};

fn ready(trouble: Trouble) -> (Window, crate::script::Watched) {
    let (mut window, watched) = window(trouble);
    wait(&mut window, |state| state.models.loaded.is_some());
    (window, watched)
}

#[test]
fn a_run_is_drawn_as_the_model_was_published_with() {
    let (mut window, watched) = ready(Trouble::None);
    click(&mut window, "Settings");
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.pane().stage == Stage::Over);
    let top_p = watched.requests.lock().unwrap()[0].sampling.top_p;
    assert_eq!(top_p, 0.8, "the scripted model's");
    assert!(state(&mut window).pane().made_with.contains("top-p 0.8"));
}

#[test]
fn the_first_run_of_a_model_is_prepared_before_it_is_asked_for() {
    let (mut window, watched) = ready(Trouble::None);
    state(&mut window).prefs.panes.iter_mut().for_each(|side| side.is_seed_locked = true);
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.pane().stage == Stage::Over);
    let (warmed, begun) = (watched.warmed.lock().unwrap(), watched.requests.lock().unwrap());
    assert_eq!((warmed.len(), &warmed[0]), (1, &begun[0]), "the same kernels");
}

#[test]
fn a_setting_says_when_it_is_pointed_at_that_it_is_the_models() {
    // High enough for the whole sheet.
    let (script, _) = Script::new(Trouble::None);
    let mut window = window_of(vec2(1280.0, 1400.0), preferences(), script, Painter(None));
    wait(&mut window, |state| state.models.loaded.is_some());
    click(&mut window, "Settings");
    window.get_by_role_and_label(egui::Role::SpinButton, "Top-p").hover();
    window.run_steps(30);
    window.get_by_label_contains("This model was published with 0.8");
}

#[test]
fn what_the_user_changed_stays_when_another_model_is_loaded() {
    let (mut window, _) = ready(Trouble::None);
    let ctx = window.ctx.clone();
    let mut settings = state(&mut window).prefs.panes[0].clone();
    settings.temperature = 0.5;
    app(&mut window).act(&ctx, Action::Edit(Edit::Sampling(0, settings)), 0.0);
    // What an earlier model had left.
    state(&mut window).prefs.panes[0].own = Choices { top_p: 0.3, ..Choices::default() };
    state(&mut window).prefs.panes[0].top_p = 0.3;
    state(&mut window).models.loaded = None;
    app(&mut window).act(&ctx, Action::LoadModel, 0.0);
    wait(&mut window, |state| state.models.loaded.is_some());
    let settings = &state(&mut window).prefs.panes[0];
    assert_eq!((settings.temperature, settings.top_p), (0.5, 0.8));
}
