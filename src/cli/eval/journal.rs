//! Journals: one JSON line with the settings, then one per finished sequence, written as they are
//! finished. An evaluation that was cut goes on from its journal; journals of parts are merged.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bdlm::eval::{SequenceResult, Settings};

use crate::cli::files::{Output, read, shown};

/// What a journal holds.
pub struct Contents {
    /// Of its first line.
    pub settings: Settings,
    /// Of the others.
    pub results: Vec<SequenceResult>,
    /// Bytes of the lines that are whole.
    whole_bytes: usize,
}

impl Contents {
    /// Reads a journal; a last line that was cut does not count.
    pub fn read(path: &Path) -> Result<Contents> {
        let bytes = read(path)?;
        let whole_bytes = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let mut lines = bytes[..whole_bytes].split(|&byte| byte == b'\n').enumerate();
        let mut next = || lines.next().filter(|(_, line)| !line.is_empty());
        let damaged = |line: usize| format!("{}: line {line} is no line of a journal", shown(path));
        let Some((_, first)) = next() else {
            bail!("{} is empty, expected a journal of `bdlm eval ppl`", shown(path));
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
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Begins a journal, or takes up one of the same settings; returns what it holds.
    pub fn open(
        path: &Path,
        resume: bool,
        settings: &Settings,
    ) -> Result<(Journal, Vec<SequenceResult>)> {
        let failed = || format!("{} cannot be written", shown(path));
        let mut results = Vec::new();
        if path.exists() {
            if !resume {
                bail!(
                    "{} is there already: give --resume to go on from it, or another name",
                    shown(path)
                );
            }
            let contents = Contents::read(path)?;
            if contents.settings != *settings {
                let differs = difference(&contents.settings, settings)?;
                bail!("{} is of another evaluation: {differs}", shown(path));
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
        Ok((Journal { path: path.into(), file }, results))
    }

    /// Appends the line of a finished sequence.
    pub fn push(&mut self, result: &SequenceResult) -> Result<()> {
        let mut line = serde_json::to_vec(result)?;
        line.push(b'\n');
        let failed = || format!("{} cannot be written", shown(&self.path));
        self.file.write_all(&line).and_then(|()| self.file.flush()).with_context(failed)
    }
}

/// The first setting in which two evaluations differ, in words.
pub fn difference(there: &Settings, here: &Settings) -> Result<String> {
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
