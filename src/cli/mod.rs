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
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bdlm::gpu::has_512_bits;
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
    if let Some(advice) = error.chain().find_map(|e| e.downcast_ref::<bdlm::Error>()?.advice()) {
        words += &format!("; {}", present::advice(advice));
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

/// Tells drivers of software adapters, by the environment, what they would not see for themselves.
///
/// They complain on stderr when no runtime folder is set, as for root in a container. And Mesa's
/// computes with 256 bits unless asked for more, which only programs that draw nothing may do: drawing
/// with 512 it crashes. What it compiles then needs a cache of its own, since Mesa's takes what was
/// compiled for 256 bits for the same.
#[allow(clippy::disallowed_methods, reason = "the process's own environment, a folder beside it")]
pub fn prepare_drivers() {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let set = |name: &str, value: std::ffi::OsString| {
        // SAFETY: `main` comes here first after its arguments: no other thread runs yet.
        #[allow(unsafe_code, reason = "setting a variable is unsafe beside other threads")]
        unsafe {
            std::env::set_var(name, value);
        }
    };
    if cfg!(target_os = "linux") && !is_set("XDG_RUNTIME_DIR") {
        set("XDG_RUNTIME_DIR", std::env::temp_dir().into());
    }
    let asked = std::env::var_os("LP_NATIVE_VECTOR_WIDTH");
    let is_wide = asked.map_or_else(has_512_bits, |bits| bits == "512");
    let is_free = is_wide && !is_set("MESA_SHADER_CACHE_DIR");
    let cache = files::cache_folder().filter(|_| is_free);
    // Mesa makes but the last folder of a path.
    let made = |cache: &PathBuf| std::fs::create_dir_all(cache).is_ok();
    if let Some(cache) = cache.map(|cache| cache.join("mesa-512")).filter(made) {
        set("LP_NATIVE_VECTOR_WIDTH", "512".into());
        set("MESA_SHADER_CACHE_DIR", cache.into());
    }
}
