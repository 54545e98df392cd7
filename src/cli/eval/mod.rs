//! `bdlm eval`: its subcommands.

mod data;
mod journal;
mod merge;
mod plot;
mod ppl;
mod present;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Measure how likely texts are under a model.
#[derive(Args)]
#[command(after_help = "Examples:
  bdlm eval ppl --data wiki.test.raw --estimator exact --block-size 4 --limit 20
  bdlm eval merge part-0.jsonl part-1.jsonl")]
pub struct Eval {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Ppl(Box<ppl::Ppl>),
    Merge(merge::Merge),
}

impl Eval {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Ppl(command) => command.run(),
            Command::Merge(command) => command.run(),
        }
    }
}
