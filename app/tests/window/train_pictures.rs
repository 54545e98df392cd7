//! Training as it looks, compared with pictures that were looked at.

use bdlm_app::state::{Preferences, ThemeChoice, TrainForm, Training, View};
use egui::{Vec2, vec2};

use crate::pictures::{canvas, compare};
use crate::script::{Script, Trouble};
use crate::training::events;
use crate::{Painter, Window, preferences, state, wait, window_of};

fn half_trained(theme: ThemeChoice, size: Vec2) -> Option<Window> {
    let canvas = canvas()?;
    let train = TrainForm {
        data: "stories.txt".into(),
        valid: "held-out.txt".into(),
        block_sizes: "4:.5,8:.5".into(),
        ..TrainForm::default()
    };
    let prefs = Preferences { theme, train, ..preferences() };
    let (script, _) = Script::new(Trouble::None);
    let mut window = window_of(size, prefs, script, Painter(Some(canvas)));
    wait(&mut window, |state| state.models.loaded.is_some());
    let mut run = Training::default().begun("my-model".into(), false);
    events(60).into_iter().take(60).for_each(|event| run.push(event));
    let state = state(&mut window);
    (state.training, state.view) = (run, View::Training);
    Some(window)
}

#[test]
fn a_run_by_night() {
    let Some(mut window) = half_trained(ThemeChoice::Dark, vec2(900.0, 600.0)) else { return };
    // The thread of this run was never there: it is not looked for.
    compare(&mut window, "train");
}

#[test]
fn a_run_by_day() {
    let Some(mut window) = half_trained(ThemeChoice::Light, vec2(1280.0, 800.0)) else { return };
    compare(&mut window, "train_light");
}
