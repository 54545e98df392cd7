//! Arguments.

use std::path::PathBuf;

use bdlm_app::state::{Preferences, Sheet, ThemeChoice};
use clap::Parser;

/// Watch block diffusion language models write, step by step.
#[derive(Parser)]
#[command(name = "bdlm-app", version)]
#[command(after_help = "Examples:
  bdlm-app
  bdlm-app --prompt \"The king said\" --model kuleshov-group/bd3lm-owt-block_size4
  bdlm generate --events \"Once upon a time\" > run.jsonl && bdlm-app --run run.jsonl
  bdlm-app --screenshot window.png --steps 40 --prompt \"Once upon a time\"")]
pub struct Args {
    /// Replay a recorded run; no model is needed
    #[arg(long, value_name = "FILE")]
    pub run: Option<PathBuf>,
    /// Model: `tales` (embedded), a folder, or a hub id [default: the last one]
    #[arg(long, value_name = "NAME|DIR|HUB_ID")]
    pub model: Option<String>,
    /// Part of the adapter's name [default: the best adapter]
    #[arg(long, value_name = "NAME")]
    pub adapter: Option<String>,
    /// Beginning of the text
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// The window was lost, and is opened again.
    #[arg(long, hide = true, conflicts_with = "screenshot")]
    pub reopened: bool,
    /// A picture instead of a window.
    #[command(flatten)]
    pub picture: PictureArgs,
}

/// How the picture looks.
#[derive(clap::Args)]
#[command(next_help_heading = "Picture instead of a window")]
pub struct PictureArgs {
    /// Write a picture of the window to this PNG file and exit
    #[arg(long, value_name = "PNG")]
    pub screenshot: Option<PathBuf>,
    /// Show this step of the run [default: the last]
    #[arg(long, value_name = "N", requires = "screenshot")]
    pub steps: Option<usize>,
    /// Size of the window, in points
    #[arg(long, value_name = "WxH", default_value = "1280x800", value_parser = size, requires = "screenshot")]
    pub size: egui::Vec2,
    /// Light or dark
    #[arg(long, value_name = "light|dark", value_parser = theme, requires = "screenshot")]
    pub theme: Option<ThemeChoice>,
    /// Show another run beside, with its own sampler
    #[arg(long, requires = "screenshot", conflicts_with = "run")]
    pub compare: bool,
    /// Inspect this cell of the current block
    #[arg(long, value_name = "CELL", requires = "screenshot")]
    pub inspect: Option<usize>,
    /// What is beside the text
    #[arg(long, value_name = "settings|model|files|history|help", value_parser = sheet, requires = "screenshot")]
    pub sheet: Option<Sheet>,
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

fn sheet(text: &str) -> Result<Sheet, String> {
    match text {
        "settings" => Ok(Sheet::Settings),
        "model" => Ok(Sheet::Model),
        "files" => Ok(Sheet::Files),
        "history" => Ok(Sheet::History),
        "help" => Ok(Sheet::Help),
        _ => Err("expected settings, model, files, history or help".into()),
    }
}

impl Args {
    /// The preferences, with what was given here.
    pub fn applied_to(&self, mut prefs: Preferences) -> Preferences {
        prefs.model = self.model.clone().unwrap_or(prefs.model);
        prefs.prompt = self.prompt.clone().unwrap_or(prefs.prompt);
        prefs.adapter = self.adapter.clone().or(prefs.adapter);
        prefs.theme = self.picture.theme.unwrap_or(prefs.theme);
        prefs
    }
}
