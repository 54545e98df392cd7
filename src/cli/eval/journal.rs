//! Journals: one JSON line with the settings, then one per finished piece of work, written as they
//! are finished. An interrupted evaluation continues from its journal; journals of parts are merged.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli::files::{Output, read, shown};

/// Where what is finished is kept.
#[derive(Args)]
#[command(next_help_heading = "Output")]
pub struct JournalArgs {
    /// Write each result to this file as soon as it is finished
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Continue the evaluation in the journal
    #[arg(long, requires = "journal")]
    resume: bool,
}

impl JournalArgs {
    /// Begins the journal, or takes up one of the same settings; returns what it holds. Without a
    /// file nothing is kept.
    pub fn open<S, R>(&self, settings: &S) -> Result<(Journal, Vec<R>)>
    where
        S: Serialize + DeserializeOwned + PartialEq,
        R: DeserializeOwned,
    {
        match &self.journal {
            Some(path) => Journal::open(path, self.resume, settings),
            None => Ok((Journal::none(), Vec::new())),
        }
    }

    /// What to do after an interruption.
    pub fn advice(&self) -> String {
        match &self.journal {
            Some(path) => format!("continue with --journal {} --resume", path.display()),
            None => "with --journal FILE it could be continued".into(),
        }
    }
}

/// What a journal holds.
pub struct Contents<S, R> {
    /// Of its first line.
    pub settings: S,
    /// Of the others.
    pub results: Vec<R>,
    /// Bytes of the lines that are whole.
    whole_bytes: usize,
}

impl<S: DeserializeOwned, R: DeserializeOwned> Contents<S, R> {
    /// Reads a journal; a last line that was cut does not count.
    pub fn read(path: &Path) -> Result<Contents<S, R>> {
        let bytes = read(path)?;
        let whole_bytes = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let mut lines = bytes[..whole_bytes].split(|&byte| byte == b'\n').enumerate();
        let mut next = || lines.next().filter(|(_, line)| !line.is_empty());
        let damaged = |line: usize| {
            format!("{}: line {line} is not a line of a journal of this command", shown(path))
        };
        let Some((_, first)) = next() else {
            bail!("{} is empty, expected a journal of `bdlm eval`", shown(path));
        };
        let settings = serde_json::from_slice(first).with_context(|| damaged(1))?;
        let mut results = Vec::new();
        while let Some((i, line)) = next() {
            results.push(serde_json::from_slice(line).with_context(|| damaged(i + 1))?);
        }
        Ok(Contents { settings, results, whole_bytes })
    }
}

/// A journal that is being written.
pub struct Journal {
    to: Option<(PathBuf, File)>,
}

impl Journal {
    /// A journal that keeps nothing.
    pub fn none() -> Journal {
        Journal { to: None }
    }

    fn open<S, R>(path: &Path, resume: bool, settings: &S) -> Result<(Journal, Vec<R>)>
    where
        S: Serialize + DeserializeOwned + PartialEq,
        R: DeserializeOwned,
    {
        let failed = || format!("{} cannot be written", shown(path));
        let mut results = Vec::new();
        if path.exists() {
            if !resume {
                bail!(
                    "{} exists already; continue it with --resume, or give another name",
                    shown(path)
                );
            }
            let contents = Contents::<S, R>::read(path)?;
            if contents.settings != *settings {
                let differs = difference(&contents.settings, settings)?;
                bail!("{} is the journal of another evaluation: {differs}", shown(path));
            }
            let file = OpenOptions::new().write(true).open(path).with_context(failed)?;
            file.set_len(contents.whole_bytes as u64).with_context(failed)?;
            results = contents.results;
        } else {
            let mut line = serde_json::to_vec(settings)?;
            line.push(b'\n');
            Output::create(path)?.write(&line)?;
        }
        let file = OpenOptions::new().append(true).open(path).with_context(failed)?;
        Ok((Journal { to: Some((path.into(), file)) }, results))
    }

    /// Appends the line of something finished.
    pub fn push(&mut self, result: &impl Serialize) -> Result<()> {
        let Some((path, file)) = &mut self.to else { return Ok(()) };
        let mut line = serde_json::to_vec(result)?;
        line.push(b'\n');
        let failed = || format!("{} cannot be written", shown(path));
        file.write_all(&line).and_then(|()| file.flush()).with_context(failed)
    }
}

/// The first setting in which two evaluations differ, in words.
pub fn difference<S: Serialize>(there: &S, here: &S) -> Result<String> {
    let (there, here) = (serde_json::to_value(there)?, serde_json::to_value(here)?);
    let keys = here.as_object().into_iter().flatten().map(|(key, _)| key);
    let all = there.as_object().into_iter().flatten().map(|(key, _)| key).chain(keys);
    let differs = all.into_iter().find(|key| there.get(key) != here.get(key));
    let shown =
        |value: Option<&serde_json::Value>| value.map_or("none".into(), ToString::to_string);
    Ok(differs.map_or_else(
        || "its settings differ".into(),
        |key| format!("its {key} is {}, expected {}", shown(there.get(key)), shown(here.get(key))),
    ))
}
