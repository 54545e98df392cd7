//! `bdlm eval`: its subcommands.

mod batches;
mod blocks;
mod chat;
mod data;
mod genppl;
mod grid;
mod journal;
mod merge;
mod parts;
mod ppl;
mod present;
mod samples;
mod source;
mod sweep;
mod table;
mod work;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Measure how likely texts are under a model.
#[derive(Args)]
#[command(after_help = "Examples:
  bdlm eval ppl --data wiki.test.raw --estimator exact --block-size 4 --limit 20
  bdlm eval merge part-0.jsonl part-1.jsonl
  bdlm eval genppl --samples samples.jsonl --scorer gpt2-large
  bdlm eval sweep --block-size 4,8,16 --top-p 0.9,1 --plot sweep.png > sweep.csv")]
pub struct Eval {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Ppl(Box<ppl::Ppl>),
    Chat(Box<chat::EvalChat>),
    Blocks(Box<blocks::Blocks>),
    Genppl(Box<genppl::Genppl>),
    Sweep(Box<sweep::Sweep>),
    Merge(merge::Merge),
}

impl Eval {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Ppl(command) => command.run(),
            Command::Chat(command) => command.run(),
            Command::Blocks(command) => command.run(),
            Command::Genppl(command) => command.run(),
            Command::Sweep(command) => command.run(),
            Command::Merge(command) => command.run(),
        }
    }
}
