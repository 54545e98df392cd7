//! The window, driven by the labels of its widgets.

#[path = "../../../tests/common/chat_model.rs"]
mod chat_model;
mod chat_pictures;
mod conversation;
mod engine;
mod errors;
mod files;
mod find;
mod history;
mod learn;
mod pictures;
mod play;
mod script;
mod settings;
mod steer;
mod train_pictures;
mod training;

use std::time::{Duration, Instant};

use bdlm_app::Recording;
use bdlm_app::app::App;
use bdlm_app::engine::{Backend, EngineBackend};
use bdlm_app::export::Canvas;
use bdlm_app::state::{Action, Preferences, Speed, State, SteerBy, ThemeChoice};
use egui::Vec2;
use egui_kittest::kittest::{NodeT, Queryable};
use egui_kittest::{Harness, Node, TestRenderer};

use script::{Script, Trouble, Watched, recorded};

/// The app is made with the harness's own context, in its first frame.
pub type Window = Harness<'static, Option<App>>;

/// Draws with the app's own canvas.
struct Painter(Option<Canvas>);

impl TestRenderer for Painter {
    fn handle_delta(&mut self, delta: &mut egui::TexturesDelta) {
        match &mut self.0 {
            Some(canvas) => canvas.update(delta),
            None => delta.clear(),
        }
    }

    fn render(
        &mut self,
        ctx: &egui::Context,
        output: &egui::FullOutput,
    ) -> Result<image::RgbaImage, String> {
        let canvas = self.0.as_mut().ok_or("there is no adapter")?;
        let picture = bdlm::gpu::block_on(canvas.paint(ctx, output)).map_err(|e| e.to_string())?;
        let [width, height] = picture.size;
        let bytes = picture.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b(), 255]);
        image::RgbaImage::from_raw(width as u32, height as u32, bytes.collect())
            .ok_or_else(|| "the picture has another size".into())
    }
}

fn preferences() -> Preferences {
    let (theme, reduce_motion) = (ThemeChoice::Dark, true);
    Preferences { theme, reduce_motion, speed: Speed::Full, ..Preferences::default() }
}

fn window_of(size: Vec2, prefs: Preferences, backend: impl Backend, painter: Painter) -> Window {
    let mut backend = Some(backend);
    let ui = move |ui: &mut egui::Ui, app: &mut Option<App>| {
        let app = app.get_or_insert_with(|| {
            let mut app = App::new(ui.ctx(), prefs.clone(), backend.take().unwrap()).unwrap();
            app.load();
            app
        });
        app.advance(ui.ctx());
        app.show(ui);
    };
    Harness::builder()
        .with_size(size)
        .with_step_dt(1.0 / 30.0)
        .renderer(painter)
        .build_ui_state(ui, None)
}

/// A window with the library's own engine, once its model is there. A process that ends while a driver
/// compiles crashes, so closing waits.
pub fn real_window(size: Vec2, prefs: Preferences) -> Window {
    let mut window = window_of(size, prefs, EngineBackend::default(), Painter(None));
    app(&mut window).wait_at_close(Duration::from_secs(60));
    wait(&mut window, |state| state.models.loaded.is_some());
    window
}

/// A window with an engine that plays the recorded run.
pub fn window(trouble: Trouble) -> (Window, Watched) {
    let (script, watched) = Script::new(trouble);
    let size = Vec2::new(1280.0, 800.0);
    (window_of(size, preferences(), script, Painter(None)), watched)
}

/// A window that shows the recorded run at its end.
pub fn replay() -> Window {
    let (mut window, _) = window(Trouble::None);
    wait(&mut window, |state| state.models.loaded.is_some());
    app(&mut window).open(Recording::of(recorded()));
    window.run_steps(2);
    window
}

/// The app of a window.
pub fn app(window: &mut Window) -> &mut App {
    window.state_mut().as_mut().unwrap()
}

/// What a window shows.
pub fn state(window: &mut Window) -> &mut State {
    &mut app(window).state
}

/// How long a test waits for what must come: a real engine may have to compile beside other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs frames until a condition holds.
pub fn wait(window: &mut Window, is_so: impl Fn(&State) -> bool) {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        window.step();
        if window.state().as_ref().is_some_and(|app| is_so(&app.state)) {
            window.run_steps(2);
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let state = state(window);
    let (pane, banner) = (state.pane(), &state.banner);
    let (moments, position) = (pane.recording.moments().len(), pane.position);
    let (stage, pulls) = (pane.stage, pane.is_pulling());
    panic!(
        "it never came to that: {stage:?}, pulling {pulls}, {position} of {moments}, {banner:?}"
    );
}

/// Clicks what has this label.
pub fn click(window: &mut Window, label: &str) {
    window.get_by_label(label).click();
    window.run_steps(3);
}

/// Runs frames until there are more moments than `before` and the engine is at rest.
pub fn wait_for_moment(window: &mut Window, before: usize) {
    wait(window, move |state| {
        state.pane().recording.moments().len() > before && !state.pane().is_pulling()
    });
}

/// One step on, drawn from the engine.
pub fn step_on(window: &mut Window) {
    wait(window, |state| !state.pane().is_pulling());
    let before = moments(window);
    click(window, "Step on");
    wait_for_moment(window, before);
}

/// The moment that is shown.
pub fn position(window: &mut Window) -> usize {
    state(window).pane().position
}

/// Moments that were recorded.
pub fn moments(window: &mut Window) -> usize {
    state(window).pane().recording.moments().len()
}

#[test]
fn every_control_has_a_label() {
    let mut window = replay();
    click(&mut window, "Compare");
    let help = "Help: tour, keys, marks";
    for sheet in ["Settings", "Files: save, export, open", "Model", "History of runs", help] {
        click(&mut window, sheet);
        let all = controls(&window);
        assert!(all.len() > 15, "{} controls beside {sheet}", all.len());
        check_labels(&all, sheet);
    }
}

/// What can be clicked, typed into or set.
fn controls(window: &Window) -> Vec<Node<'_>> {
    let is_control = |node: &Node<'_>| {
        use egui::Role::{
            Button, CheckBox, ComboBox, MultilineTextInput, Slider, SpinButton, TextInput,
        };
        let role = node.accesskit_node().role();
        [Button, CheckBox, ComboBox, MultilineTextInput, Slider, SpinButton, TextInput]
            .contains(&role)
    };
    window.root().children_recursive().filter(is_control).collect()
}

/// Fails for a control without a label.
fn check_labels(controls: &[Node<'_>], place: &str) {
    for node in controls {
        let node = node.accesskit_node();
        let name = node.label().or(node.value()).unwrap_or_default();
        let is_named = !name.trim().is_empty() || node.labelled_by().next().is_some();
        assert!(is_named, "{:?} beside {place} has no label", node.role());
    }
}

#[test]
fn an_action_that_cannot_be_done_leaves_everything_as_it_was() {
    let mut window = replay();
    let (before, at) = (moments(&mut window), position(&mut window));
    let ctx = window.ctx.clone();
    // Some are about a side that an earlier action of the same frame has closed.
    for action in [
        Action::Compare(true),
        Action::Compare(false),
        Action::Hover(1, None),
        Action::Select(1, None),
        Action::Activate(1),
        Action::Show(1, 3),
        Action::Branch(1, 0),
        Action::StepOn,
        Action::Steer(0, 0, SteerBy::Mask),
        Action::CancelLoad,
        Action::CancelExport,
        Action::Remedy,
    ] {
        app(&mut window).act(&ctx, action, 1.0);
        window.run_steps(2);
    }
    assert_eq!((moments(&mut window), position(&mut window)), (before, at));
    assert_eq!(state(&mut window).banner, None);
}
