//! `bdlm eval merge`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use bdlm::eval::{PplReport, SequenceResult, Settings};
use clap::Args;

use crate::cli::eval::journal::{Contents, difference};
use crate::cli::eval::present::{ReportFormat, formatted, print};
use crate::cli::files::shown;

/// Merge the parts of an evaluation from their journals.
///
/// The result is exact: sums are added, not averages.
#[derive(Args)]
#[command(after_help = "Example:
  bdlm eval ppl --data wiki.test.raw --shard 0/2 --journal part-0.jsonl
  bdlm eval ppl --data wiki.test.raw --shard 1/2 --journal part-1.jsonl
  bdlm eval merge part-0.jsonl part-1.jsonl")]
pub struct Merge {
    /// Journals of the parts
    #[arg(required = true, value_name = "JOURNAL")]
    journals: Vec<PathBuf>,
    /// How to print the report
    #[arg(long, value_enum, default_value = "text")]
    format: ReportFormat,
}

impl Merge {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let parts = self.journals.iter().map(|path| Contents::read(path));
        let parts: Vec<Contents<Settings, SequenceResult>> = parts.collect::<Result<_>>()?;
        let Some(whole) = parts.first().map(|part| part.settings.clone()) else {
            bail!("no journals, expected at least one");
        };
        for (path, part) in self.journals.iter().zip(&parts) {
            if part.settings != whole {
                let differs = difference(&part.settings, &whole)?;
                let (path, first) = (shown(path), shown(&self.journals[0]));
                bail!("{path} is the journal of another evaluation than {first}: {differs}");
            }
        }
        let results: Vec<_> = parts.into_iter().flat_map(|part| part.results).collect();
        print(&formatted(&PplReport::new(whole, &results)?, self.format)?)
    }
}
