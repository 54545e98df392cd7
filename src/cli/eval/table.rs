//! Rows of CSV that are printed as soon as they are known, and kept in a journal.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli::eval::journal::{Journal, JournalArgs};
use crate::cli::eval::present::csv_lines;

/// The rows of a command.
pub struct Table<R> {
    journal: Journal,
    rows: Vec<R>,
}

impl<R: Serialize + DeserializeOwned> Table<R> {
    /// A table; rows that its journal holds are printed at once.
    pub fn open<S>(journal: &JournalArgs, settings: &S) -> Result<Table<R>>
    where
        S: Serialize + DeserializeOwned + PartialEq,
    {
        let (journal, rows) = journal.open(settings)?;
        rows.iter().enumerate().try_for_each(|(i, row)| print(row, i == 0))?;
        Ok(Table { journal, rows })
    }

    /// Prints and keeps a row.
    pub fn push(&mut self, row: R) -> Result<()> {
        print(&row, self.rows.is_empty())?;
        self.journal.push(&row)?;
        self.rows.push(row);
        Ok(())
    }

    /// The rows so far.
    pub fn rows(&self) -> &[R] {
        &self.rows
    }
}

/// A row of CSV, with the names before the first.
fn print(row: &impl Serialize, is_first: bool) -> Result<()> {
    let lines = csv_lines(&serde_json::to_value(row)?);
    let mut out = io::stdout().lock();
    if is_first {
        writeln!(out, "{}", lines[0])?;
    }
    writeln!(out, "{}", lines[1])?;
    Ok(out.flush()?)
}
