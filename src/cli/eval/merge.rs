//! `bdlm eval merge`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use bdlm::eval::PplReport;
use clap::Args;

use crate::cli::eval::parts::{PPL, joined, read_parts};
use crate::cli::eval::present::{ReportFormat, formatted, print};
use crate::cli::eval::table::{print_row, report_row};
use crate::cli::print::note;

/// Merge the parts of an evaluation from their journals, of `eval ppl` or `eval blocks`.
///
/// The result is exact: sums are added, not averages. Parts or sequences that are missing are
/// named.
#[derive(Args)]
#[command(after_help = "Example:
  bdlm eval ppl --data wiki.test.raw --shard 0/2 --journal part-0.jsonl
  bdlm eval ppl --data wiki.test.raw --shard 1/2 --journal part-1.jsonl
  bdlm eval merge part-0.jsonl part-1.jsonl")]
pub struct Merge {
    /// Journals of the parts
    #[arg(required = true, value_name = "JOURNAL")]
    journals: Vec<PathBuf>,
    /// Merge what is there, even if parts or sequences are missing
    #[arg(long)]
    partial: bool,
    /// How to print the report; that of `eval blocks` is always CSV
    #[arg(long, value_enum, default_value = "text")]
    format: ReportFormat,
}

impl Merge {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let parts = read_parts(&self.journals)?;
        let Some(first) = parts.first() else {
            bail!("no journals, expected at least one");
        };
        let mut reports = Vec::new();
        let mut missing: Vec<String> = Vec::new();
        for (i, settings) in first.head.evaluations.iter().enumerate() {
            let joined = joined(&parts, i)?;
            let is_known = |words: &String| missing.contains(words);
            let news: Vec<String> = joined.missing.into_iter().filter(|w| !is_known(w)).collect();
            missing.extend(news);
            let mut report = PplReport::new(settings.clone(), &joined.results)?;
            report.counts = joined.counts;
            reports.push(report);
        }
        if !missing.is_empty() {
            let missing = missing.join("; ");
            if !self.partial {
                bail!("{missing}; --partial merges what is there");
            }
            note(&format!("not all of the evaluation: {missing}"));
        }
        match reports.as_slice() {
            [report] if first.command == PPL => print(&formatted(report, None, self.format)?),
            rows => rows
                .iter()
                .enumerate()
                .try_for_each(|(i, row)| print_row(&report_row(row, None)?, i == 0)),
        }
    }
}
