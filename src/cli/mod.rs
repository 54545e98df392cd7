//! The commands, and which of them to run.

mod advice;
mod bench;
mod chat;
mod device;
mod eval;
mod files;
mod generate;
mod gradients;
mod info;
mod logits;
mod model;
mod noise;
mod output;
mod present;
mod print;
mod process;
mod quantize;
mod request;
mod self_test;
mod train;
mod tune;
mod usage;
mod watch;

use std::io::{self, Write};

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

pub use print::{complain, is_broken_pipe};
pub use process::{Interrupted, prepare_drivers, start_clock};
pub use usage::WrongUsage;

/// Block diffusion language models on any GPU.
///
/// A BD3-LM writes text block by block, left to right; inside a block all tokens start masked and
/// are revealed by discrete diffusion. Runs on Vulkan, Metal, DX12 and software adapters.
#[derive(Parser)]
#[command(name = "bdlm", version, arg_required_else_help = true, propagate_version = true)]
#[command(after_help = "Examples:
  bdlm generate \"Once upon a time\"
  bdlm generate --watch --top-p 0.9 \"One day, a little girl named Lily\"
  bdlm info --model kuleshov-group/bd3lm-owt-block_size16
  bdlm bench --random small")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Generate(Box<generate::Generate>),
    Chat(Box<chat::ChatCommand>),
    Eval(eval::Eval),
    Train(Box<train::Train>),
    Logits(logits::Logits),
    Gradients(gradients::Gradients),
    Quantize(quantize::Quantize),
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

/// Runs the command.
pub fn run(cli: Cli) -> Result<()> {
    process::handle_interrupts()?;
    match cli.command {
        Command::Generate(command) => command.run(),
        Command::Chat(command) => command.run(),
        Command::Eval(command) => command.run(),
        Command::Train(command) => command.run(),
        Command::Logits(command) => command.run(),
        Command::Gradients(command) => command.run(),
        Command::Quantize(command) => command.run(),
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

/// A usage error as the parser prints its own.
pub fn parser_error(wrong: &WrongUsage) -> clap::Error {
    let mut command = Cli::command();
    command.build();
    for name in wrong.subcommand {
        if let Some(inner) = command.find_subcommand(name) {
            command = inner.clone();
        }
    }
    command.error(ErrorKind::ArgumentConflict, &wrong.words)
}
