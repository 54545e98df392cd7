//! Commands and what they share: arguments, messages, interruption.

mod bench;
mod eval;
mod files;
mod generate;
mod info;
mod logits;
mod model;
mod present;
mod request;
mod tune;
mod watch;

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

/// Block diffusion language models on any GPU.
///
/// A BD3-LM writes text block by block, left to right; inside a block all tokens start masked and
/// are revealed by discrete diffusion. Runs on Vulkan, Metal, DX12 and software adapters.
#[derive(Parser)]
#[command(name = "bdlm", version, arg_required_else_help = true, propagate_version = true)]
#[command(after_help = "Examples:
  bdlm generate \"Once upon a time\"
  bdlm generate --watch \"The king said\"
  bdlm info --model kuleshov-group/bd3lm-owt-block_size16
  bdlm bench --random small")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Generate(Box<generate::Generate>),
    Eval(eval::Eval),
    Logits(logits::Logits),
    Info(info::Info),
    Bench(bench::Bench),
    Tune(tune::Tune),
    Completions(Completions),
}

/// Print a completion script for a shell.
#[derive(clap::Args)]
#[command(after_help = "Example:
  bdlm completions bash > ~/.local/share/bash-completion/completions/bdlm")]
struct Completions {
    /// The shell.
    shell: Shell,
}

/// Ctrl-C, after what was finished has been written.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

static START: OnceLock<Instant> = OnceLock::new();

/// Begins the time that [`since_start`] tells.
pub fn start_clock() {
    START.get_or_init(Instant::now);
}

/// Time since the program began.
fn since_start() -> Duration {
    START.get().map_or(Duration::ZERO, Instant::elapsed)
}

/// Runs the command.
pub fn run(cli: Cli) -> Result<()> {
    ctrlc::set_handler(|| {
        // The second time the user does not want to wait for the end of a block.
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            #[allow(clippy::disallowed_methods, reason = "the handler cannot return from main")]
            std::process::exit(130);
        }
    })
    .context("Ctrl-C cannot be handled")?;
    match cli.command {
        Command::Generate(command) => command.run(),
        Command::Eval(command) => command.run(),
        Command::Logits(command) => command.run(),
        Command::Info(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Tune(command) => command.run(),
        Command::Completions(command) => {
            let mut script = Vec::new();
            clap_complete::generate(command.shell, &mut Cli::command(), "bdlm", &mut script);
            Ok(io::stdout().write_all(&script)?)
        }
    }
}

/// Fails after Ctrl-C.
fn check_interrupt() -> Result<()> {
    if INTERRUPTED.load(Ordering::SeqCst) { Err(Interrupted.into()) } else { Ok(()) }
}

/// True after Ctrl-C; what follows can be interrupted anew.
fn take_interrupt() -> bool {
    INTERRUPTED.swap(false, Ordering::SeqCst)
}

/// Ends with a usage error of a subcommand, given by its names, exit code 2.
fn usage(subcommand: &[&str], words: &str) -> ! {
    let mut command = Cli::command();
    command.build();
    for name in subcommand {
        if let Some(inner) = command.find_subcommand(name) {
            command = inner.clone();
        }
    }
    command.error(clap::error::ErrorKind::ArgumentConflict, words).exit()
}

/// True if a reader of our output has gone, such as `head`.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    io.map(io::Error::kind).any(|kind| kind == io::ErrorKind::BrokenPipe)
}

/// Prints an error with its causes, once each.
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
    note(&format!("{} {words}", console::style("error:").for_stderr().red().bold()));
}

/// Prints a line on stderr; a closed stderr is no reason to fail.
fn note(words: &str) {
    let _ = writeln!(io::stderr(), "{words}");
}

/// Prints one JSON object on stdout.
fn print_json(report: &impl serde::Serialize) -> Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, report).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}

/// Drivers of software adapters complain on stderr when no runtime folder is set, as for root in
/// a container.
#[allow(clippy::disallowed_methods, reason = "the process's own environment; no file is written")]
pub fn quiet_driver_loader() {
    if cfg!(target_os = "linux") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: the first statement of `main`: no other thread runs yet.
        #[allow(unsafe_code, reason = "setting a variable is unsafe beside other threads")]
        unsafe {
            std::env::set_var("XDG_RUNTIME_DIR", std::env::temp_dir());
        }
    }
}
