//! Rows of CSV that are printed as soon as they are known, and kept in a journal.

use std::io::{self, Write};

use anyhow::Result;
use bdlm::eval::PplReport;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::eval::journal::{Journal, JournalArgs};
use crate::cli::eval::present::{MadeBy, csv_lines, with_made_by};

/// The rows of a command.
pub struct Table<R> {
    journal: Journal,
    rows: Vec<R>,
}

impl<R: Serialize + DeserializeOwned> Table<R> {
    /// A table; rows that its journal holds are printed at once.
    pub fn open(
        journal: &JournalArgs,
        command: &str,
        settings: &impl Serialize,
    ) -> Result<Table<R>> {
        let (journal, rows) = journal.open(command, settings)?;
        rows.iter().enumerate().try_for_each(|(i, row)| print_row(row, i == 0))?;
        Ok(Table { journal, rows })
    }

    /// Prints and keeps a row.
    pub fn push(&mut self, row: R) -> Result<()> {
        print_row(&row, self.rows.is_empty())?;
        self.journal.push(&row)?;
        self.rows.push(row);
        Ok(())
    }

    /// The rows so far.
    pub fn rows(&self) -> &[R] {
        &self.rows
    }
}

/// A report as a row.
pub fn report_row(report: &PplReport, made_by: Option<&MadeBy>) -> Result<Value> {
    let mut row = with_made_by(report, made_by)?;
    if let Some(row) = row.as_object_mut() {
        // How many there are depends on the estimator: the columns must not.
        row.shift_remove("draws");
    }
    Ok(row)
}

/// Prints a row of CSV, with the names before the first.
pub fn print_row(row: &impl Serialize, is_first: bool) -> Result<()> {
    let lines = csv_lines(&serde_json::to_value(row)?);
    let mut out = io::stdout().lock();
    if is_first {
        writeln!(out, "{}", lines[0])?;
    }
    writeln!(out, "{}", lines[1])?;
    Ok(out.flush()?)
}
