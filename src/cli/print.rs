//! How the commands print: JSON on stdout, notes, errors and progress on stderr.

use std::io::{self, Write};

use anyhow::Result;
use bdlm::hub::Download;
use bdlm::wgpu;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::advice;

/// How to print what a command found.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum TextOrJson {
    /// For people
    Text,
    /// One JSON object
    Json,
}

/// True if a reader of our output has gone, such as `head`.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    io.map(io::Error::kind).any(|kind| kind == io::ErrorKind::BrokenPipe)
}

/// Prints an error with its causes, once each, and what to try.
pub fn complain(error: &anyhow::Error) {
    let mut words = error.to_string();
    // Errors of files name them; what has no name is our own output.
    if error.is::<io::Error>() && error.chain().len() == 1 {
        words = format!("stdout cannot be written: {words}");
    }
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !words.contains(&cause) {
            words += &format!(": {cause}");
        }
    }
    if let Some(advice) = error.chain().find_map(|e| e.downcast_ref::<bdlm::Error>()?.advice()) {
        words += &format!("; {}", advice::words(advice));
    }
    note(&format!("{} {words}", console::style("error:").for_stderr().red().bold()));
}

/// Prints a line on stderr; a closed stderr is not an error.
pub fn note(words: &str) {
    let _ = writeln!(io::stderr(), "{words}");
}

/// Prints one JSON object on stdout.
pub fn print_json(report: &impl serde::Serialize) -> Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, report).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}

/// The driver of an adapter, with its version.
pub fn driver(info: &wgpu::AdapterInfo) -> String {
    format!("{} {}", info.driver, info.driver_info).trim().into()
}

/// Bytes for people.
pub fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

/// A progress bar on stderr, shown on terminals only.
pub fn progress_bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar
}

/// Shows one bar per downloaded file.
#[derive(Default)]
pub struct DownloadBar {
    bar: Option<(String, ProgressBar)>,
}

impl DownloadBar {
    /// Shows how far a file is.
    pub fn update(&mut self, download: &Download) {
        if self.bar.as_ref().is_none_or(|(file, _)| *file != download.file) {
            let bar = progress_bar("{msg} [{bar:30}] {bytes}/{total_bytes} {eta}");
            bar.set_message(download.file.clone());
            self.bar = Some((download.file.clone(), bar));
        }
        if let Some((_, bar)) = &self.bar {
            bar.set_length(download.total_bytes);
            bar.set_position(download.done_bytes);
            if download.done_bytes >= download.total_bytes {
                bar.finish_and_clear();
            }
        }
    }
}
