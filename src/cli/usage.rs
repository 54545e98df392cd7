//! Options that do not go together, where only the command can know it.

/// A usage error of a subcommand, which ends the program with exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct WrongUsage {
    /// The subcommand, by its names.
    pub subcommand: &'static [&'static str],
    /// What is wrong.
    pub words: String,
}
