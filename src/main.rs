//! The command line: arguments → library → text, JSON lines. Exit codes: 0 done, 1 failed,
//! 2 wrong usage, 130 interrupted.

#![warn(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used
)]

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    cli::start_clock();
    let command = cli::Cli::parse();
    cli::prepare_drivers();
    match cli::run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) if cli::is_broken_pipe(&e) => ExitCode::SUCCESS,
        Err(e) if e.is::<cli::Interrupted>() => ExitCode::from(130),
        Err(e) => match e.downcast_ref::<cli::WrongUsage>() {
            Some(wrong) => {
                // A closed stderr is not an error.
                let _ = cli::parser_error(wrong).print();
                ExitCode::from(2)
            }
            None => {
                cli::complain(&e);
                ExitCode::FAILURE
            }
        },
    }
}
