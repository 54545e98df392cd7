//! `bdlm-app`: arguments, then the window, or a picture of it.

mod args;
mod opening;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use bdlm_app::Recording;
use bdlm_app::app::App;
use bdlm_app::engine::EngineBackend;
use bdlm_app::headless::Headless;
use bdlm_app::recording::{CellAt, read_events};
use bdlm_app::state::{Action, Preferences, ThemeChoice};
use clap::Parser;

use args::{Args, PictureArgs};

/// Drivers of software adapters complain on stderr when no runtime folder is set, as for root in
/// a container.
fn quiet_driver_loader() {
    if cfg!(target_os = "linux") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: the first statement of `main`: no other thread runs yet.
        #[allow(unsafe_code, reason = "setting a variable is unsafe beside other threads")]
        unsafe {
            std::env::set_var("XDG_RUNTIME_DIR", std::env::temp_dir());
        }
    }
}

/// Ends the process after its window without the destructors of libraries: a thread may still be inside a
/// step of training, and a driver that is taken apart under it crashes. Everything is written by now.
#[allow(unsafe_code, reason = "the standard library cannot end a process at once")]
fn leave() -> ! {
    unsafe extern "C" {
        fn _exit(code: std::ffi::c_int) -> !;
    }
    // SAFETY: of the C library, which every program of the standard library is linked with; it takes any
    // code, and does not return.
    unsafe { _exit(0) }
}

fn main() -> ExitCode {
    quiet_driver_loader();
    let args = Args::parse();
    match run(&args) {
        Ok(()) if args.picture.screenshot.is_none() => leave(),
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn read(path: &Path) -> Result<Recording> {
    let events = read_events(path)
        .map_err(|e| anyhow::anyhow!("{e}; `bdlm generate --events` writes what --run reads"))?;
    Ok(Recording::of(events))
}

fn run(args: &Args) -> Result<()> {
    let recording = match &args.run {
        Some(path) => Some(read(path)?),
        None => None,
    };
    match &args.picture.screenshot {
        Some(path) => {
            let mut prefs = args.applied_to(Preferences::default());
            // The same picture each time.
            prefs.panes.iter_mut().for_each(|side| side.is_seed_locked = true);
            picture(args, prefs, recording, path)
        }
        None => opening::window(args, recording.as_ref()),
    }
}

fn picture(
    args: &Args,
    prefs: Preferences,
    recording: Option<Recording>,
    path: &Path,
) -> Result<()> {
    let PictureArgs { steps, size, compare, inspect, sheet, .. } = &args.picture;
    let mut headless = Headless::new(*size, prefs.adapter.clone())?;
    let ctx = headless.ctx.clone();
    let is_dark = prefs.theme != ThemeChoice::Light;
    let mut app = App::new(&ctx, prefs, EngineBackend::with_user_cache()).context("no thread")?;
    ctx.set_theme(if is_dark { egui::Theme::Dark } else { egui::Theme::Light });
    let steps = steps.unwrap_or(usize::MAX);
    if steps == 0 {
        bail!("--steps is 0, expected at least 1");
    }
    match recording {
        Some(recording) => {
            app.open(recording);
            app.act(&ctx, Action::Show(0, steps - 1), 0.0);
        }
        None => {
            if *compare {
                app.act(&ctx, Action::Compare(true), 0.0);
            }
            app.load();
            headless.advance(&mut app, steps)?;
        }
    }
    if let Some(number) = *inspect {
        let step = app.state.pane().recording.step(app.state.pane().position);
        let (block_idx, count) = step.map_or((0, 0), |step| (step.block_idx, step.cells.len()));
        let cell = number.wrapping_sub(1);
        if cell >= count {
            bail!(
                "--inspect is {number}, expected 1 to {count}, a cell of the block that is shown; with --steps N a step is shown at which a block is not finished"
            );
        }
        app.act(&ctx, Action::Select(0, Some(CellAt { block_idx, cell })), 0.0);
    }
    app.state.sheet = sheet.unwrap_or_default();
    Ok(headless.write(&mut app, path)?)
}
