//! `bdlm-app`: arguments, then the window, or a picture of it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use bdlm_app::app::App;
use bdlm_app::backend::EngineBackend;
use bdlm_app::export::read_events;
use bdlm_app::headless::Headless;
use bdlm_app::recording::CellAt;
use bdlm_app::settings::{Preferences, ThemeChoice};
use bdlm_app::{Recording, action};
use clap::Parser;

/// Watch block diffusion language models write, step by step.
#[derive(Parser)]
#[command(name = "bdlm-app", version)]
#[command(after_help = "Examples:
  bdlm-app
  bdlm-app --prompt \"The king said\" --model kuleshov-group/bd3lm-owt-block_size4
  bdlm generate --events \"The king said\" > run.jsonl && bdlm-app --run run.jsonl
  bdlm-app --screenshot window.png --steps 40 --prompt \"The king said\"")]
struct Args {
    /// Replay a recorded run; no model is needed
    #[arg(long, value_name = "FILE")]
    run: Option<PathBuf>,
    /// Model: `tales` (embedded), a folder, or a hub id [default: the last one]
    #[arg(long, value_name = "NAME|DIR|HUB_ID")]
    model: Option<String>,
    /// Part of the adapter's name [default: the best adapter]
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
    /// What the text begins with
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    #[command(flatten)]
    picture: PictureArgs,
}

/// A picture instead of a window.
#[derive(clap::Args)]
#[command(next_help_heading = "Picture instead of a window")]
struct PictureArgs {
    /// Write a picture of the window to this PNG file and exit
    #[arg(long, value_name = "PNG")]
    screenshot: Option<PathBuf>,
    /// Show this step of the run [default: the last]
    #[arg(long, value_name = "N", requires = "screenshot")]
    steps: Option<usize>,
    /// Size of the window, in points
    #[arg(long, value_name = "WxH", default_value = "1280x800", value_parser = size, requires = "screenshot")]
    size: egui::Vec2,
    /// Light or dark
    #[arg(long, value_name = "light|dark", value_parser = theme, requires = "screenshot")]
    theme: Option<ThemeChoice>,
    /// Show another run beside, with its own sampler
    #[arg(long, requires = "screenshot", conflicts_with = "run")]
    compare: bool,
    /// Inspect this cell of the current block
    #[arg(long, value_name = "CELL", requires = "screenshot")]
    inspect: Option<usize>,
    /// What is beside the text
    #[arg(long, value_name = "settings|model|files", value_parser = sheet, requires = "screenshot")]
    sheet: Option<action::Sheet>,
}

fn size(text: &str) -> Result<egui::Vec2, String> {
    let parts = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    match parts {
        Some((w, h)) if w >= 320.0 && h >= 240.0 && w <= 8192.0 && h <= 8192.0 => {
            Ok(egui::vec2(w, h))
        }
        _ => Err("expected WIDTHxHEIGHT from 320x240 to 8192x8192, such as 1280x800".into()),
    }
}

fn theme(text: &str) -> Result<ThemeChoice, String> {
    match text {
        "light" => Ok(ThemeChoice::Light),
        "dark" => Ok(ThemeChoice::Dark),
        _ => Err("expected light or dark".into()),
    }
}

fn sheet(text: &str) -> Result<action::Sheet, String> {
    match text {
        "settings" => Ok(action::Sheet::Settings),
        "model" => Ok(action::Sheet::Model),
        "files" => Ok(action::Sheet::Files),
        _ => Err("expected settings, model or files".into()),
    }
}

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

fn main() -> ExitCode {
    quiet_driver_loader();
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let recording = match &args.run {
        Some(path) => Some(Recording::of(read_events(path).map_err(anyhow::Error::msg)?)),
        None => None,
    };
    match &args.picture.screenshot {
        Some(path) => {
            let prefs = args.applied_to(Preferences::default());
            picture(args, prefs, recording, path)
        }
        None => window(args, recording),
    }
}

impl Args {
    fn applied_to(&self, mut prefs: Preferences) -> Preferences {
        prefs.model = self.model.clone().unwrap_or(prefs.model);
        prefs.prompt = self.prompt.clone().unwrap_or(prefs.prompt);
        prefs.adapter = self.adapter.clone().or(prefs.adapter);
        prefs.theme = self.picture.theme.unwrap_or(prefs.theme);
        prefs
    }
}

fn window(args: &Args, recording: Option<Recording>) -> Result<()> {
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("bdlm")
            .with_app_id("bdlm")
            .with_inner_size([1280.0, 800.0])
            .with_min_inner_size([760.0, 520.0]),
        ..Default::default()
    };
    let begin = |cc: &eframe::CreationContext<'_>| {
        let kept = cc.storage.and_then(|storage| eframe::get_value(storage, eframe::APP_KEY));
        let prefs = args.applied_to(kept.unwrap_or_default());
        let mut app = App::new(&cc.egui_ctx, prefs, EngineBackend::with_user_cache())?;
        match recording.clone() {
            Some(recording) => app.open(recording),
            None => app.load(),
        }
        Ok(Box::new(app) as Box<dyn eframe::App>)
    };
    eframe::run_native("bdlm", options, Box::new(begin)).map_err(|e| {
        // The system's own words would name a file of the window library.
        let cause = match e.to_string() {
            words if words.contains("WAYLAND_DISPLAY") => {
                "neither WAYLAND_DISPLAY nor DISPLAY is set".to_string()
            }
            words => words,
        };
        anyhow::anyhow!(
            "no window can be opened: {cause}; without a screen, use --screenshot FILE.png"
        )
    })
}

fn picture(
    args: &Args,
    prefs: Preferences,
    recording: Option<Recording>,
    path: &std::path::Path,
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
            app.act(&ctx, action::Action::Show(0, steps - 1), 0.0);
        }
        None => {
            if *compare {
                app.act(&ctx, action::Action::Compare(true), 0.0);
            }
            app.load();
            headless.advance(&mut app, steps)?;
        }
    }
    if let Some(cell) = *inspect {
        let step = app.pane().recording.step(app.pane().position);
        let (block_idx, count) = step.map_or((0, 0), |step| (step.block_idx, step.cells.len()));
        if cell >= count {
            bail!(
                "--inspect is {cell}, expected a cell of the block that is shown, which has \
                 {count}; with --steps N a step is shown at which a block is not finished"
            );
        }
        app.act(&ctx, action::Action::Select(0, Some(CellAt { block_idx, cell })), 0.0);
    }
    app.sheet = sheet.unwrap_or_default();
    Ok(headless.write(&mut app, path)?)
}
